"""The peer's side of tests/bench/tabular/pilots: learns from the rows that were not for testing and
prints one line of the table. Arguments: name, kind, seeds; the runs lie in folders 1, 2, … beside."""
import csv, json, os, sys

import numpy as np
import xgboost as xgb

FOLDER = os.path.dirname(os.path.abspath(__file__))
NAME, KIND, SEEDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
RESAMPLES = 1000
THREADS = 2 if KIND == "text" else 1  # the trees are the same
RNG = np.random.default_rng(1)


def rows_of(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def number(text):
    try:
        return float({"true": "1", "false": "0"}.get(text.lower(), text))
    except ValueError:
        return None


# ---- metrics: the larger the better ----------------------------------------------------------

def auc(truth, score):
    """Of classes 0 and 1; ties count half."""
    values, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
    positive = truth == 1
    p, n = positive.sum(), (~positive).sum()
    return (rank[positive].sum() - p * (p + 1) / 2) / (p * n) if p and n else np.nan


def minus_rmse(truth, score):
    return -float(np.sqrt(np.mean((score - truth) ** 2)))


def minus_mae(truth, score):
    return -float(np.mean(abs(score - truth)))


def accuracy(truth, score):
    return float(np.mean(score == truth))


def c_index(truth, score):
    """truth: time and event; pairs whose earlier time is an event."""
    time, event = truth[:, 0], truth[:, 1] == 1
    earlier = (time[:, None] < time[None, :]) & event[:, None]
    higher = (score[:, None] > score[None, :]) + 0.5 * (score[:, None] == score[None, :])
    return float((earlier * higher).sum() / earlier.sum())


# ---- features -------------------------------------------------------------------------------

def columns_of(rows, names, wide_max=200):
    """Numbers as they are, missing NaN; what is no number one-hot."""
    out = []
    for name in names:
        cells = [row[name] for row in rows]
        values = [number(cell) if cell != "" else np.nan for cell in cells]
        if None not in values:
            out.append(np.array(values, np.float32)[:, None])
            continue
        kinds = sorted(set(cells) - {""})[:wide_max]
        out.append((np.array(cells)[:, None] == np.array(kinds)[None, :]).astype(np.float32))
    return np.concatenate(out, axis=1)


def molecules_of(rows, column):
    from rdkit import Chem, RDLogger
    from rdkit.Chem import Crippen, Descriptors, Lipinski, rdFingerprintGenerator, rdMolDescriptors

    RDLogger.DisableLog("rdApp.*")
    morgan = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    out = np.full((len(rows), 11 + 2048), np.nan, np.float32)
    for i, row in enumerate(rows):
        mol = Chem.MolFromSmiles(row[column].strip())
        if mol is None:
            continue
        out[i, :11] = [Descriptors.MolWt(mol), Crippen.MolLogP(mol), rdMolDescriptors.CalcTPSA(mol),
                       Lipinski.NumHDonors(mol), Lipinski.NumHAcceptors(mol), Lipinski.NumRotatableBonds(mol),
                       mol.GetRingInfo().NumRings(), Lipinski.NumAromaticRings(mol), mol.GetNumHeavyAtoms(),
                       Lipinski.FractionCSP3(mol), Chem.GetFormalCharge(mol)]
        out[i, 11:] = morgan.GetFingerprintAsNumPy(mol)
    return out


def texts_of(rows, columns):
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import HashingVectorizer

    grams = HashingVectorizer(analyzer="char", ngram_range=(1, 3), n_features=2 ** 18,
                              alternate_sign=False, norm=None)
    return hstack([grams.transform([row[c] for row in rows]) for c in columns]).tocsr()


def calendar_of(rows, column):
    """Hour, weekday, day and month of a time."""
    from datetime import datetime

    out = np.full((len(rows), 4), np.nan, np.float32)
    for i, row in enumerate(rows):
        if row[column]:
            time = datetime.fromisoformat(row[column])
            out[i] = time.hour, time.weekday(), time.day, time.month
    return out


def features_of(rows, train):
    steps = (train.get("prepare") or {}).get("steps", [])
    made = {step["column"]: step["kind"] for step in steps}
    texts = [c for c, kind in made.items() if kind == "grams"]
    if texts:
        return texts_of(rows, texts)
    smiles = [c for c, kind in made.items() if kind == "molecule"]
    if smiles:
        return molecules_of(rows, smiles[0])
    plain = columns_of(rows, [name for name in train["features"] if name not in made])
    times = [c for c, kind in made.items() if kind == "calendar"]
    return np.concatenate([plain] + [calendar_of(rows, c) for c in times], axis=1)


# ---- one run --------------------------------------------------------------------------------

def run_of(folder):
    """Truth, our score and XGBoost's of the test side, and what they are measured by."""
    told = json.load(open(f"{folder}/pilot.json"))
    table, judged = rows_of(f"{folder}/table.csv"), rows_of(f"{folder}/predictions.csv")
    rows = [table[int(row["row"]) - 1] for row in judged]
    x = features_of(rows, told["train"])
    test = np.array([row["side"] == "test" for row in judged])
    known = np.array([row["side"] in ("train", "validate") for row in judged])
    if "event" in judged[0]:
        time = np.array([float(row["truth"]) for row in judged])
        event = np.array([float(row["event"]) for row in judged])
        model = xgb.train({"objective": "survival:cox", "nthread": THREADS},
                          xgb.DMatrix(x[known], np.where(event == 1, time, -time)[known]), 100)
        risk = model.predict(xgb.DMatrix(x[test]), output_margin=True)
        ours = np.array([float(row["value"]) for row in judged])[test]
        return np.stack([time, event], 1)[test], ours, risk, ("C-index", c_index)
    if "probability" in judged[0]:
        positive = json.load(open(f"{folder}/scorecard.json"))["classes"][1]
        y = np.array([row["truth"] == positive for row in judged]).astype(int)
        model = xgb.XGBClassifier(n_jobs=THREADS).fit(x[known], y[known])
        ours = np.array([float(row["probability"]) for row in judged])[test]
        return y[test], ours, model.predict_proba(x[test])[:, 1], ("AUC", auc)
    if any(key.startswith("probability:") for key in judged[0]):
        classes = sorted({row["truth"] for row in judged})
        place = {name: i for i, name in enumerate(classes)}
        y = np.array([place[row["truth"]] for row in judged])
        model = xgb.XGBClassifier(n_jobs=THREADS).fit(x[known], y[known])
        ours = np.array([place[row["value"]] for row in judged])[test]
        return y[test], ours, model.predict(x[test]), ("accuracy", accuracy)
    y = np.array([float(row["truth"]) for row in judged])
    model = xgb.XGBRegressor(n_jobs=THREADS).fit(x[known], y[known])
    ours = np.array([float(row["value"]) for row in judged])[test]
    return y[test], ours, model.predict(x[test]).astype(float), ("RMSE", minus_rmse)


def told_line(what, count, metric, ours, theirs, low, high):
    sign = -1 if metric in ("RMSE", "MAE") else 1
    print(f"{what:28} {count:>9} {metric:9} {sign * ours:10.4f} {sign * theirs:10.4f} "
          f"{ours - theirs:+9.4f} ({low:+.4f} to {high:+.4f})", flush=True)


def told_tables():
    runs = [run_of(f"{FOLDER}/{seed}") for seed in range(1, SEEDS + 1)]
    metric, measure = runs[0][3]
    ours = np.mean([measure(truth, a) for truth, a, _, _ in runs])
    theirs = np.mean([measure(truth, b) for truth, _, b, _ in runs])
    drawn = []
    for _ in range(RESAMPLES):
        differences = []
        for truth, a, b, _ in runs:
            at = RNG.integers(0, len(truth), len(truth))
            differences.append(measure(truth[at], a[at]) - measure(truth[at], b[at]))
        drawn.append(np.nanmean(differences))
    low, high = np.percentile(drawn, [2.5, 97.5])
    told_line(NAME, f"{len(runs)} x {len(runs[0][0])}", metric, ours, theirs, low, high)


# ---- a forecast -----------------------------------------------------------------------------

def told_series():
    folder = f"{FOLDER}/1"
    about = json.load(open(f"{folder}/about.json"))
    card = json.load(open(f"{folder}/scorecard.json"))
    n, f = about["rows"], len(about["features"])
    x = np.fromfile(f"{folder}/x", np.float32).reshape(f, n).T
    y = np.fromfile(f"{folder}/y", np.float64)
    place = np.fromfile(f"{folder}/place", np.uint32).reshape(n, 4).astype(np.int64)
    judged = rows_of(f"{folder}/predictions.csv")
    first = n - len(judged)
    assert place[first, 0] == about["cut"], (place[first, 0], about["cut"])
    truth, ours = (np.array([float(row[name]) for row in judged]) for name in ("truth", "value"))
    assert np.allclose(truth, y[first:], rtol=1e-6)
    cuts, origin = [], place[first:, 0]
    for time in card["series"]["origins"]:
        cuts.append(int(origin[next(i for i, row in enumerate(judged) if row["origin"] == time)]))
    theirs = np.full(len(judged), np.nan)
    for i, cut in enumerate(cuts):
        end = cuts[i + 1] if i + 1 < len(cuts) else 1 << 40
        model = xgb.XGBRegressor(n_jobs=2).fit(x[place[:, 1] <= cut], y[place[:, 1] <= cut])
        rows = (origin >= cut) & (origin < end)
        theirs[rows] = model.predict(x[first:][rows])
    step_s, span_s = card["series"]["step_s"], 86400
    if (origin[-1] - origin[0]) * step_s < 10 * span_s:
        span_s = 3600  # of few days hours are drawn
    block = origin * step_s // span_s
    for h, horizon in enumerate(about["horizons"]):
        rows = (place[first:, 2] == h) & (place[first:, 3] == 1)
        t, a, b, days = truth[rows], ours[rows], theirs[rows], block[rows]
        for metric, measure, error in (("MAE", minus_mae, abs), ("RMSE", minus_rmse, np.square)):
            blocks = np.unique(days)
            sums = np.array([[(days == d).sum(), error(a - t)[days == d].sum(), error(b - t)[days == d].sum()] for d in blocks])
            drawn = []
            for _ in range(RESAMPLES):
                count, ea, eb = sums[RNG.integers(0, len(blocks), len(blocks))].sum(axis=0)
                root = (lambda v: v) if metric == "MAE" else np.sqrt
                drawn.append(root(eb / count) - root(ea / count))
            low, high = np.percentile(drawn, [2.5, 97.5])
            told_line(f"{NAME}, {horizon} steps", len(t), metric, measure(t, a), measure(t, b), low, high)


if KIND == "series":
    told_series()
else:
    told_tables()
