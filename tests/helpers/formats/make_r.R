# The R files of this folder: `Rscript make_r.R` in it. `doses.csv` of the tests holds the same table.
frame <- data.frame(
  client_id = c("A1", "A2", "A3"),
  date = as.Date(c("2019-12-31", "2020-01-01", "2020-02-29")),
  dose_mg = c(60, 0.1, NA),
  site_id = factor(c("\u041f\u0443\u043d\u043a\u0442 1", NA, "\u70b9")),
  take_home_days = c(0L, NA, 3L),
  stringsAsFactors = FALSE
)
times <- data.frame(seen = as.POSIXct(c("2020-01-01 00:00:00", "2020-01-01 08:30:00", NA), tz = "UTC"), ok = c(TRUE, NA, FALSE))
number <- 5
saveRDS(frame, "doses.rds", version = 3)
saveRDS(frame, "doses_v2.rds", version = 2, compress = "xz")
save(frame, times, number, file = "tables.rda", version = 3)
