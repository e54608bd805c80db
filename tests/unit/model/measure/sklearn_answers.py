#!/usr/bin/env python3
# Makes sklearn_answers.h: scores, truths and what scikit-learn, SciPy and plain NumPy say of them.
#   python3 sklearn_answers.py > sklearn_answers.h      (python3-sklearn, python3-scipy)
import numpy as np
import scipy.stats
import sklearn
from sklearn import metrics

rng = np.random.default_rng(20240611)
COSTS = (1.0, 7.0)
LEVELS = (0.8, 0.9, 0.95)
CHANCES = (0.05, 0.2, 0.5, 0.8)


def case(rows, rate, digits, pull):
    truth = (rng.random(rows) < rate).astype(int)
    log_odds = np.log(rate / (1 - rate)) + pull * (truth - rate) + rng.normal(size=rows)
    score = np.round(1 / (1 + np.exp(-log_odds)), digits)
    return np.clip(score, 10.0 ** -digits, 1 - 10.0 ** -digits), truth


def answers(score, truth):
    false, true, thresholds = metrics.roc_curve(truth, score, drop_intermediate=False)
    rows, positives = len(truth), truth.sum()
    found, alarms = true * positives, false * (rows - positives)
    cost = (COSTS[0] * alarms + COSTS[1] * (positives - found)) / rows
    best = np.flatnonzero(np.isclose(cost, cost.min(), rtol=0, atol=1e-12))[0]
    out = {
        "auc": metrics.roc_auc_score(truth, score),
        "average_precision": metrics.average_precision_score(truth, score),
        "ks": scipy.stats.ks_2samp(score[truth == 1], score[truth == 0]).statistic,
        "log_loss": metrics.log_loss(truth, score),
        "brier": metrics.brier_score_loss(truth, score),
        "least_cost": cost[best],
        "least_cost_threshold": min(thresholds[best], 2.0),
    }
    for level in LEVELS:
        out[f"sensitivity_at.{level}"] = true[1 - false >= level].max()
        out[f"specificity_at.{level}"] = (1 - false)[true >= level].max()
    for chance in CHANCES:
        called = score >= chance
        confusion = metrics.confusion_matrix(truth, called, labels=[0, 1])
        (tn, fp), (fn, tp) = confusion
        out[f"net_benefit.{chance}"] = tp / rows - fp / rows * chance / (1 - chance)
        out[f"sensitivity.{chance}"] = metrics.recall_score(truth, called)
        out[f"precision.{chance}"] = metrics.precision_score(truth, called, zero_division=np.nan)
        out[f"specificity.{chance}"] = tn / (tn + fp)
    for share in (0.1, 0.3):
        # Ties share what a cut through them finds: the mean over many orders of equal scores.
        order = np.argsort(-score, kind="stable")
        ranks = score[order]
        values = truth[order].astype(float)
        for value in np.unique(ranks):
            values[ranks == value] = values[ranks == value].mean()
        want = share * rows
        whole = int(np.floor(want))
        got = values[:whole].sum() + (want - whole) * (values[whole] if whole < rows else 0)
        out[f"gain.{share}"] = got / positives
    return out


def show(name, values, form):
    print(f"static const {name}[] = {{")
    for i in range(0, len(values), 16):
        print("    " + ", ".join(form(v) for v in values[i:i + 16]) + ",")
    print("};")


cases = [case(400, 0.3, 2, 1.5), case(350, 0.06, 3, 2.0), case(300, 0.55, 1, 0.8)]
print("// Made by sklearn_answers.py with scikit-learn " + sklearn.__version__ + ": scores, truths and what")
print("// is said of them, to hold our metrics against. Only the metrics' test includes it.")
print("#pragma once\n")
print("#include <math.h>\n#include <stdint.h>\n")
for i, (score, truth) in enumerate(cases):
    show(f"double sklearn_score_{i}", score, lambda v: f"{v:.10g}")
    show(f"uint8_t sklearn_truth_{i}", truth, str)
names = list(answers(*cases[0]))
print("static const char *const sklearn_names[] = {")
for name in names:
    print(f'    "{name}",')
print("};")
for i, (score, truth) in enumerate(cases):
    said = answers(score, truth)
    show(f"double sklearn_answer_{i}", [said[n] for n in names],
         lambda v: "NAN" if np.isnan(v) else f"{v:.17g}")

# Several classes: rounded probabilities, so that some are equal, of rows with weights.
rows, count = 300, 5
truth = rng.choice(count, rows, p=[0.5, 0.2, 0.15, 0.1, 0.05])
score = np.exp(rng.normal(size=(rows, count)) + 1.2 * (truth[:, None] == np.arange(count)))
score = np.round(16 * score / score.sum(1, keepdims=True)) / 16
score[:, 0] += 1 - score.sum(1)  # sixteenths: sums are exact
weight = np.round(rng.gamma(2, 1, rows) + 0.1, 3)
show("double sklearn_class_score", score.ravel(), lambda v: f"{v:.10g}")
show("uint8_t sklearn_class_truth", truth, str)
show("double sklearn_class_weight", weight, lambda v: f"{v:.10g}")
ovr = {"multi_class": "ovr", "average": "macro", "labels": np.arange(count)}
print(f"static const double sklearn_class_auc = {metrics.roc_auc_score(truth, score, **ovr):.17g};")
weighted = metrics.roc_auc_score(truth, score, sample_weight=weight, **ovr)
print(f"static const double sklearn_class_auc_weighted = {weighted:.17g};")
