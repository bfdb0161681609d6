"""Generated daily sales of shops, made so that only the covariate, or only the sentence, tells what comes."""

import numpy as np
import pandas as pd
from covariate_parts.sentences import LEARNED, UNSEEN

HISTORY, HORIZON = 28, 14
EFFECTS = {  # in units of a shop's own spread, for each of the days ahead
    "promotion": np.full(HORIZON, 2.0),
    "closing": np.full(HORIZON, -2.0),
    "later": np.repeat([0.0, 2.0], HORIZON // 2),
    "nothing": np.zeros(HORIZON),
}
WEEK = np.array([-0.5, -0.3, 0.0, 0.2, 0.4, 0.9, -0.7])
START = "2024-01-01"


def told_shops(sentences: dict[str, tuple[str, ...]], repeats: int, seed: int) -> pd.DataFrame:
    """One shop for each sentence and repeat: four weeks of plain history, then two that go as the sentence says.

    Nothing in the history tells what comes: level, spread, weekly rhythm and noise are the same for all sentences.
    """
    draws = np.random.default_rng(seed)
    told = [(kind, text) for kind, group in sentences.items() for text in group] * repeats
    order = draws.permutation(len(told))
    days = HISTORY + HORIZON
    week = np.tile(WEEK, days // 7)
    noise = 0.3 * draws.normal(size=(len(told), days))
    ahead = np.concatenate([np.zeros((len(told), HISTORY)), np.stack([EFFECTS[told[place][0]] for place in order])], 1)
    level, spread = draws.uniform(50, 500, (len(told), 1)), draws.uniform(5, 20, (len(told), 1))
    sales = level + spread * (week + noise + ahead)
    return pd.DataFrame(
        {
            "shop": np.repeat([f"shop {number:04d}" for number in range(len(told))], days),
            "day": np.tile(pd.date_range(START, periods=days), len(told)),
            "sales": sales.ravel(),
            "plan": np.repeat([told[place][1] for place in order], days),
            "spread": np.repeat(spread.ravel(), days),
        }
    )


def learned_shops(seed: int) -> pd.DataFrame:
    return told_shops(LEARNED, repeats=2, seed=seed)


def unseen_shops(seed: int) -> pd.DataFrame:
    return told_shops(UNSEEN, repeats=5, seed=10_000 + seed)


def shuffled_plans(shops: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The same shops, the sentences dealt out anew."""
    plans = shops.groupby("shop", sort=False)["plan"].first()
    dealt = pd.Series(np.random.default_rng(seed).permutation(plans.to_numpy()), index=plans.index)
    return shops.assign(plan=shops["shop"].map(dealt))


def promoted_shops(seed: int, shops: int = 12, days: int = 280) -> pd.DataFrame:
    """Sales with a weekly rhythm, and three spreads more on days of a promotion: drawn, and known beforehand."""
    draws = np.random.default_rng(seed)
    promotion = (draws.random((shops, days)) < 0.2).astype(float)
    week = np.tile(WEEK, days // 7)
    level, spread = draws.uniform(50, 500, (shops, 1)), draws.uniform(5, 20, (shops, 1))
    sales = level + spread * (week + 3 * promotion + 0.3 * draws.normal(size=(shops, days)))
    return pd.DataFrame(
        {
            "shop": np.repeat([f"shop {number:02d}" for number in range(shops)], days),
            "day": np.tile(pd.date_range(START, periods=days), shops),
            "sales": sales.ravel(),
            "promotion": promotion.ravel(),
            "spread": np.repeat(spread.ravel(), days),
        }
    )


def shuffled_promotions(shops: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The same shops, the days of their promotions drawn anew."""
    draws = np.random.default_rng(seed)
    dealt = shops.groupby("shop", sort=False)["promotion"].transform(lambda days: draws.permutation(days.to_numpy()))
    return shops.assign(promotion=dealt)
