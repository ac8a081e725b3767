# Expected values for tests/oracle/survival/, from R's survival package.
#
#   cd tests/oracle/survival && Rscript expected.R
#
# Reads people.csv and intervals.csv (make_cohort.py), writes expected.csv (case, row, column, value; 17 significant
# digits) and session.txt. R is not needed to run the tests.
suppressPackageStartupMessages(library(survival))

people <- read.csv("people.csv")
intervals <- read.csv("intervals.csv")
control <- coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50)
out <- file("expected.csv", "w")
writeLines("case,row,column,value", out)

emit <- function(case, row, column, value) {
  text <- ifelse(is.na(value), "NaN", sprintf("%.17g", as.numeric(value)))
  writeLines(sprintf("%s,%s,%s,%s", case, row, column, text), out)
}
emit_frame <- function(case, rows, frame) for (name in names(frame)) emit(case, rows, name, frame[[name]])

## Kaplan-Meier -------------------------------------------------------------------------------------------------------
emit_curve <- function(case, fit) {
  s <- summary(fit, censored = TRUE)
  emit_frame(case, s$time, list(at_risk = s$n.risk, events = s$n.event, censored = s$n.censor, survival = s$surv,
                                se = s$std.err, lower = s$lower, upper = s$upper))
}
right <- Surv(people$exit, people$cause > 0)
late <- Surv(people$entry, people$exit, people$cause > 0)
for (type in c("log-log", "log", "plain")) emit_curve(paste0("km_", type), survfit(right ~ 1, conf.type = type))
curve <- survfit(right ~ 1, conf.type = "log-log")
late_curve <- survfit(late ~ 1, conf.type = "log-log")
emit_curve("km_late", late_curve)
emit_curve("km_copies", survfit(right ~ 1, weights = copies, data = people, conf.type = "log-log"))
emit_curve("follow_up", survfit(Surv(exit, cause == 0) ~ 1, data = people, conf.type = "log-log"))
# Four people: one censored on day 1, the last leaves on day 6; flat at exactly one half; falls to 0.
tiny <- survfit(Surv(c(1, 2, 4, 5, 6), c(0, 1, 1, 1, 1)) ~ 1, conf.type = "log-log")
emit_curve("km_to_zero", tiny)

emit_quantile <- function(case, fit) {
  p <- c(0.1, 0.25, 0.5, 0.75, 0.9)
  emit_frame(case, p, quantile(fit, p))
}
emit_quantile("quantile", curve)
emit_quantile("quantile_late", late_curve)
emit_quantile("quantile_to_zero", tiny)
emit_quantile("quantile_flat_end", survfit(Surv(c(1, 2, 9, 9), c(1, 1, 0, 0)) ~ 1, conf.type = "log-log"))
days <- c(0, 3, 10, 17, 30, 45, 60)
at <- summary(curve, times = days)
emit_frame("survival_at", days, list(survival = at$surv, se = at$std.err, at_risk = at$n.risk))
for (horizon in c(7, 30, 47)) for (name in c("right", "late")) {
  m <- survival:::survmean(if (name == "right") curve else late_curve, rmean = horizon)$matrix
  emit(paste0("restricted_mean_", name), horizon, "mean", m[["rmean"]])
  emit(paste0("restricted_mean_", name), horizon, "se", m[["se(rmean)"]])
}

## Aalen-Johansen -----------------------------------------------------------------------------------------------------
emit_states <- function(case, fit) for (cause in 1:3) {
  emit_frame(case, fit$time, setNames(list(fit$pstate[, cause + 1], fit$std.err[, cause + 1], fit$lower[, cause + 1],
                                           fit$upper[, cause + 1]), paste0(c("cif_", "se_", "lower_", "upper_"), cause)))
}
people$state <- factor(people$cause, 0:3)
emit_states("aj", survfit(Surv(exit, state) ~ 1, data = people, conf.type = "log-log"))
emit_states("aj_late", survfit(Surv(entry, exit, state) ~ 1, data = people, id = client, conf.type = "log-log"))

# R has no Greenwood-type variance for delayed entry: the recursion of Allignol et al. (2010) written out, state 0 first.
greenwood <- function(entry, exit, cause) {
  days <- sort(unique(exit))
  p <- c(1, 0, 0, 0)
  v <- matrix(0, 4, 4)
  result <- matrix(NA, length(days), 3)
  for (i in seq_along(days)) {
    n <- sum(entry < days[i] & exit >= days[i])
    hazard <- sapply(1:3, function(k) sum(exit == days[i] & cause == k)) / n
    step <- diag(4)
    step[1, ] <- c(1 - sum(hazard), hazard)
    multinomial <- (diag(step[1, ]) - outer(step[1, ], step[1, ])) / n
    v <- t(step) %*% v %*% step + p[1]^2 * multinomial
    p <- drop(p %*% step)
    result[i, ] <- sqrt(diag(v))[2:4]
  }
  list(days = days, se = result)
}
g <- greenwood(people$entry, people$exit, people$cause)
for (k in 1:3) emit("aj_late_greenwood", g$days, paste0("se_", k), g$se[, k])

## Log-rank -----------------------------------------------------------------------------------------------------------
emit_test <- function(case, d) {
  emit(case, "all", "statistic", d$chisq)
  emit(case, "all", "df", length(d$n) - 1)
  emit(case, "all", "p_value", pchisq(d$chisq, length(d$n) - 1, lower.tail = FALSE))
  emit(case, seq_along(d$obs), "observed", d$obs)
  emit(case, seq_along(d$exp), "expected", d$exp)
}
emit_test("log_rank_region", survdiff(Surv(exit, cause > 0) ~ region, data = people))
emit_test("log_rank_male", survdiff(Surv(exit, cause > 0) ~ male, data = people))
# survdiff refuses delayed entry: observed - expected and its hypergeometric variance, written out person by person.
late_log_rank <- function(entry, exit, event, group) {
  k <- max(group)
  o <- e <- numeric(k)
  v <- matrix(0, k, k)
  for (day in sort(unique(exit[event]))) {
    at_risk <- entry < day & exit >= day
    n <- tabulate(group[at_risk], k)
    d <- tabulate(group[event & exit == day], k)
    share <- n / sum(n)
    o <- o + d
    e <- e + sum(d) * share
    if (sum(n) > 1) v <- v + sum(d) * (sum(n) - sum(d)) / (sum(n) - 1) * (diag(share) - outer(share, share))
  }
  list(n = seq_len(k), obs = o, exp = e, chisq = drop((o - e)[-k] %*% solve(v[-k, -k], (o - e)[-k])))
}
emit_test("log_rank_late", with(people, late_log_rank(entry, exit, cause > 0, region)))

## Cox ----------------------------------------------------------------------------------------------------------------
emit_cox <- function(case, fit) {
  terms <- names(coef(fit))
  emit(case, terms, "coefficient", coef(fit))
  naive <- if (is.null(fit$naive.var)) fit$var else fit$naive.var
  for (j in seq_along(terms)) {
    emit(case, terms, paste0("covariance_", terms[j]), naive[, j])
    if (!is.null(fit$naive.var)) emit(case, terms, paste0("robust_", terms[j]), fit$var[, j])
  }
  emit(case, "all", "loglik_null", fit$loglik[1])
  emit(case, "all", "loglik", fit$loglik[2])
  emit(case, "all", "score_statistic", fit$score)
  emit(case, "all", "n_events", fit$nevent)
}
emit_baseline <- function(case, fit) {
  b <- basehaz(fit, centered = FALSE)
  strata <- if (is.null(b$strata)) "all" else sub(".*=", "", b$strata)
  emit(case, paste(strata, b$time, sep = "|"), "cumulative_hazard", b$hazard)
}
for (ties in c("efron", "breslow")) {
  fits <- list(
    right = coxph(Surv(exit, cause == 1) ~ age + male, people, ties = ties, control = control),
    late = coxph(Surv(start, stop, event) ~ age + male + dose, intervals, ties = ties, control = control),
    strata = coxph(Surv(start, stop, event) ~ age + male + dose + strata(region), intervals, ties = ties,
                   control = control),
    site = coxph(Surv(start, stop, event) ~ age + male + dose + strata(region), intervals, cluster = site, ties = ties,
                 control = control),
    client = coxph(Surv(start, stop, event) ~ age + male + dose, intervals, cluster = client, ties = ties,
                   control = control),
    weighted = coxph(Surv(start, stop, event) ~ age + male + dose + strata(region), intervals, weights = weight,
                     cluster = site, ties = ties, control = control),
    weighted_right = coxph(Surv(exit, cause == 1) ~ age + male, people, weights = weight, cluster = site, ties = ties,
                           control = control)
  )
  for (name in names(fits)) emit_cox(paste("cox", ties, name, sep = "_"), fits[[name]])
  for (name in c("right", "strata", "weighted")) emit_baseline(paste("baseline", ties, name, sep = "_"), fits[[name]])
  someone <- data.frame(age = c(25, 51.5), male = c(1, 0), dose = c(40, 95), region = c(1, 3))
  predicted <- survfit(fits$strata, newdata = someone, se.fit = FALSE)
  s <- summary(predicted, times = c(5, 20, 33))
  who <- rep(1:2, each = 3)
  emit(paste0("predicted_", ties), paste(who, s$time, sep = "|"), "survival", s$surv)
  for (transform in c("km", "identity", "rank", "log")) for (name in c("right", "strata", "weighted")) {
    test <- cox.zph(fits[[name]], transform = transform)$table
    case <- paste("zph", ties, name, transform, sep = "_")
    emit_frame(case, rownames(test), list(statistic = test[, 1], df = test[, 2], p_value = test[, 3]))
  }
}

## Terms of several columns, and splines ------------------------------------------------------------------------------
curved <- with(intervals, cbind(dose, dose^2 / 100))
joint <- coxph(Surv(start, stop, event) ~ age + curved + strata(region), intervals, control = control)
test <- cox.zph(joint)$table
emit_frame("zph_joint", rownames(test), list(statistic = test[, 1], df = test[, 2], p_value = test[, 3]))
b <- coef(joint)[2:3]
emit("wald_joint", "all", "statistic", drop(b %*% solve(vcov(joint)[2:3, 2:3], b)))
knots <- quantile(intervals$dose, c(0.05, 0.35, 0.65, 0.95))
by_day <- quantile(rep(intervals$dose, intervals$stop - intervals$start), c(0.05, 0.35, 0.65, 0.95))
emit("knots", 1:4, "rows", knots)
emit("knots", 1:4, "days", by_day)
# splines::ns spans the same curves as a restricted cubic spline with the same knots, in another basis.
natural <- splines::ns(intervals$dose, knots = knots[2:3], Boundary.knots = knots[c(1, 4)])
spline <- coxph(Surv(start, stop, event) ~ natural, intervals, control = control)
emit("spline", "all", "loglik", spline$loglik[2])
grid <- seq(10, 140, by = 2.5)
basis <- splines::ns(grid, knots = knots[2:3], Boundary.knots = knots[c(1, 4)])
for (j in 1:3) emit("natural_basis", grid, paste0("column_", j), basis[, j])
fitted <- drop(basis %*% coef(spline))
reference <- drop(splines::ns(60, knots = knots[2:3], Boundary.knots = knots[c(1, 4)]) %*% coef(spline))
emit("spline_curve", grid, "log_hazard_ratio", fitted - reference)

close(out)
writeLines(c("ties: efron or breslow, as in each case's name",
             "coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50)", capture.output(sessionInfo())), "session.txt")
