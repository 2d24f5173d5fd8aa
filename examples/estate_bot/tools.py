"""The agent's tools: eight over a small made-up market, the same answers at every run."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_core.tools import BaseTool, tool

from examples.common.faults import Faults


class Area(NamedTuple):
    """AED a square foot to buy, rent a year as a share of that, change of prices in a year."""

    price_sqft: int
    yield_share: float
    growth: float


AREAS = {
    "Marina": Area(1850, 0.064, 0.07),
    "Downtown": Area(2450, 0.055, 0.05),
    "JVC": Area(1150, 0.078, 0.11),
    "Palm": Area(3100, 0.049, 0.09),
    "Business Bay": Area(1780, 0.066, 0.08),
}
TOWERS = {
    "Princess Tower": "Marina",
    "Cayan Tower": "Marina",
    "Burj Views": "Downtown",
    "Bloom Towers": "JVC",
    "Oceana": "Palm",
    "Executive Towers": "Business Bay",
}


class UpstreamError(ConnectionError):
    """A service behind a tool did not answer."""


class Usual(NamedTuple):
    """How long a tool takes, in seconds, and the share of its calls that fail."""

    seconds: float
    failing: float


TOOLS = {
    "search_bayut_properties": Usual(0.9, 0.03),
    "calculate_chiller_cost": Usual(0.1, 0.0),
    "analyze_investment": Usual(2.4, 0.04),
    "get_market_trends": Usual(1.1, 0.03),
    "verify_title_deed": Usual(3.2, 0.10),
    "compare_properties": Usual(1.4, 0.02),
    "estimate_service_charges": Usual(0.3, 0.01),
    "check_golden_visa": Usual(0.5, 0.01),
}


@dataclass(frozen=True)
class Upstreams:
    """The services behind the tools: how long each takes, and when it fails. By tool, argument and seed alone."""

    seed: str
    faults: Faults
    speed: float = 1.0

    def ask(self, name: str, argument: str) -> float:
        """Seconds that this call takes; negative where it fails after so long."""
        draw = random.Random(f"{self.seed} {name} {argument}")
        seconds = TOOLS[name].seconds * draw.uniform(0.6, 1.6) * (10 if self.faults("slow_tools") else 1)
        fails = draw.random() < (0.6 if self.faults("tool_errors") else TOOLS[name].failing)
        return (-seconds if fails else seconds) / self.speed

    def call(self, name: str, argument: str) -> None:
        """Wait as long as that takes. Raises UpstreamError where it fails."""
        seconds = self.ask(name, argument)
        time.sleep(abs(seconds))
        if seconds < 0:
            raise UpstreamError(f"{name}: no answer")


def area_of(text: str) -> str:
    """The area that a question is about: by its own name, or by a tower's."""
    for name in AREAS:
        if name.lower() in text.lower():
            return name
    for tower, name in TOWERS.items():
        if tower.lower() in text.lower():
            return name
    return "Marina"


def make_tools(upstreams: Upstreams) -> Sequence[BaseTool]:
    """The eight tools, each one word of argument: an area or a tower."""

    @tool
    def search_bayut_properties(place: str) -> str:
        """Find flats for sale in an area."""
        upstreams.call("search_bayut_properties", place)
        area = AREAS[area_of(place)]
        flats = [
            f"{rooms} bedroom, {(size := 450 + 350 * rooms)} sqft, AED {size * area.price_sqft:,}"
            for rooms in (1, 2, 3)
        ]
        return "; ".join(flats)

    @tool
    def calculate_chiller_cost(place: str) -> str:
        """The cost of district cooling per year."""
        upstreams.call("calculate_chiller_cost", place)
        return f"AED {6 * AREAS[area_of(place)].price_sqft // 1000 * 850:,} a year for 850 sqft"

    @tool
    def analyze_investment(place: str) -> str:
        """Yield, growth and years until a flat has paid for itself."""
        upstreams.call("analyze_investment", place)
        area = AREAS[area_of(place)]
        years = 1 / area.yield_share
        return f"gross yield {area.yield_share:.1%}, growth {area.growth:.0%}, pays back in {years:.0f} years"

    @tool
    def get_market_trends(place: str) -> str:
        """How prices have moved in a year."""
        upstreams.call("get_market_trends", place)
        area = AREAS[area_of(place)]
        return f"prices {area.growth:+.0%} in twelve months, AED {area.price_sqft:,} a sqft"

    @tool
    def verify_title_deed(place: str) -> str:
        """Ask the land department whether the deed is in order."""
        upstreams.call("verify_title_deed", place)
        return "registered, no charges on it"

    @tool
    def compare_properties(places: str) -> str:
        """Set two towers side by side: price and yield."""
        upstreams.call("compare_properties", places)
        rows = [(name, AREAS[area_of(name)]) for name in places.split(" vs ")]
        return "; ".join(f"{name}: AED {area.price_sqft:,} a sqft, yield {area.yield_share:.1%}" for name, area in rows)

    @tool
    def estimate_service_charges(place: str) -> str:
        """The building's service charges per year."""
        upstreams.call("estimate_service_charges", place)
        return f"AED {AREAS[area_of(place)].price_sqft // 100} a sqft a year"

    @tool
    def check_golden_visa(place: str) -> str:
        """Whether a flat is dear enough for a residence visa: AED 2 million."""
        upstreams.call("check_golden_visa", place)
        enough = AREAS[area_of(place)].price_sqft * 1150 >= 2_000_000
        return "two bedrooms there suffice" if enough else "three bedrooms there are needed"

    return [
        search_bayut_properties,
        calculate_chiller_cost,
        analyze_investment,
        get_market_trends,
        verify_title_deed,
        compare_properties,
        estimate_service_charges,
        check_golden_visa,
    ]


SENTENCES: dict[str, Callable[[str], str]] = {
    "search_bayut_properties": "On the market now: {}.".format,
    "calculate_chiller_cost": "Cooling comes to {}.".format,
    "analyze_investment": "As an investment: {}.".format,
    "get_market_trends": "The market there: {}.".format,
    "verify_title_deed": "The title deed is {}.".format,
    "compare_properties": "Side by side: {}.".format,
    "estimate_service_charges": "Service charges are {}.".format,
    "check_golden_visa": "For a golden visa, {}.".format,
}


def wanted(feature: str, text: str) -> dict[str, dict[str, Any]]:
    """The tools that a question asks for, with their arguments."""
    place = next((tower for tower in TOWERS if tower.lower() in text.lower()), area_of(text))
    names = list(_BY_FEATURE[feature])
    names += [name for word, name in _BY_WORD.items() if word in text.lower() and name not in names]
    if "compare_properties" in names:
        towers = [tower for tower in TOWERS if tower.lower() in text.lower()] or [place]
        return {
            name: {"places": " vs ".join(towers)} if name == "compare_properties" else {"place": place}
            for name in names
        }
    return {name: {"place": place} for name in names}


_BY_FEATURE = {
    "search": ("search_bayut_properties",),
    "analyze": ("analyze_investment", "calculate_chiller_cost", "estimate_service_charges"),
    "compare": ("compare_properties",),
    "trends": ("get_market_trends",),
    "chat": (),
}
_BY_WORD = {"cooling": "calculate_chiller_cost", "deed": "verify_title_deed", "visa": "check_golden_visa"}
