"""The .xls and .ods workbooks of this folder, written by xlwt and odfpy, which the project does not need otherwise.

pip install xlwt odfpy && python make_workbooks.py      (in an environment of their own)
"""

import datetime as dt

import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

HEADER = ("client_id", "date", "dose_mg", "site_id", "take_home_days")
ROWS = (
    ("A1", dt.date(2019, 12, 31), 60.0, "Пункт 1", 0),
    ("A2", dt.date(2020, 1, 1), 0.1, None, None),
    ("A3", dt.date(2020, 2, 29), None, "点", 3),
)

book = xlwt.Workbook(encoding="utf-8")
sheet = book.add_sheet("Лист1")
for k, row in enumerate((HEADER, *ROWS)):
    for j, value in enumerate(row):
        if isinstance(value, dt.date):
            sheet.write(k, j, value, xlwt.easyxf(num_format_str="DD.MM.YYYY"))
        elif value is not None:
            sheet.write(k, j, value)
book.save("doses.xls")

document = OpenDocumentSpreadsheet()
table = Table(name="Лист1")
for row in (HEADER, *ROWS):
    line = TableRow()
    for value in row:
        if isinstance(value, dt.date):
            cell = TableCell(valuetype="date", datevalue=value.isoformat())
        elif isinstance(value, (int, float)):
            cell = TableCell(valuetype="float", value=value)
        else:
            cell = TableCell(valuetype="string") if value else TableCell()
        cell.addElement(P(text="" if value is None else str(value)))
        line.addElement(cell)
    table.addElement(line)
document.spreadsheet.addElement(table)
document.save("doses.ods")
