"""The four departments' skills, and the routing of questions: the fake models' logic, live and in the past."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

KNOWLEDGE = "search_knowledge"
FAILED = "One of the systems behind me did not answer; please ask me again in a minute."


@dataclass(frozen=True)
class Skill:
    """A tool: `pattern` is what asks for it, and its first group, or all of it, the tool's one argument."""

    name: str
    description: str
    pattern: str
    seconds: float
    failing: float
    result: Callable[[str], str]
    sentence: str
    """The answer made of the result."""


@dataclass(frozen=True)
class Department:
    title: str
    words: tuple[str, ...]
    """The keywords of the router."""
    skills: tuple[Skill, ...]


class Route(NamedTuple):
    """`certainty`: 0 to 1; half where two departments are as likely."""

    department: str
    certainty: float


def _number(text: str, low: int, high: int) -> int:
    return low + sum(map(ord, text)) % (high - low)


DEPARTMENTS: Mapping[str, Department] = {
    "erp": Department(
        "finance and purchasing",
        ("invoice", "warehouse", "stock", "spend", "purchase", "supplier"),
        (
            Skill("invoice_status", "Whether an invoice is paid.", r"invoice (\d+)", 0.2, 0.01,
                  lambda about: f"number {about}, paid on the {_number(about, 2, 27)}th",
                  "The books say of that invoice: {}."),
            Skill("stock_level", "How much of an article is in the warehouse.", r"many (\w+)", 0.15, 0.01,
                  lambda about: f"{_number(about, 20, 900)} {about}",
                  "On the shelves of the warehouse there are {}, counted last night."),
            Skill("spending", "What was spent on something this quarter.", r"spend on (\w+)", 0.6, 0.03,
                  lambda about: f"{_number(about, 12, 95)},400 EUR on {about}",
                  "This quarter we have spent {}, which is inside of the budget."),
        ),
    ),
    "crm": Department(
        "customers and sales",
        ("contact", "deal", "customer", "discount"),
        (
            Skill("find_contact", "Who speaks for a customer.", r"contact at (\w+)", 0.2, 0.01,
                  lambda about: f"the purchasing desk of {about}, extension {_number(about, 100, 999)}",
                  "Please ask for {}."),
            Skill("open_deals", "What is being sold to a customer.", r"deals .*with (\w+)", 0.4, 0.02,
                  lambda about: f"{_number(about, 1, 6)} with {about}, together {_number(about, 10, 90)},000 EUR",
                  "Open deals: {}. The largest is in negotiation."),
            Skill("log_activity", "Write a note on a customer.", r"customer (\w+) wants", 0.3, 0.02,
                  lambda about: f"noted at {about}",
                  "Your note is in the file ({}); the account's owner will see it tomorrow morning."),
        ),
    ),
    "it_ops": Department(
        "computers and networks",
        ("server", "restart", "logs", "vpn", "laptop", "printer", "password"),
        (
            Skill("server_status", "How a server is.", r"server (\w+)", 0.3, 0.01,
                  lambda about: f"{about} is up, load {_number(about, 2, 70) / 100}",
                  "I looked: {}. Nothing there wants attention."),
            Skill("search_logs", "What an application logged last.", r"logs of (\w+)", 0.9, 0.03,
                  lambda about: f"{_number(about, 2, 40)} warnings and no error in {about}",
                  "In the last hour there were {}."),
            Skill("restart_service", "Restart a service.", r"[Rr]estart the (\w+)", 1.8, 0.10,
                  lambda about: f"{about} is running again",
                  "It is done: {}. Please tell me if it does not last."),
        ),
    ),
    "oa": Department(
        "rooms, leave and letters",
        ("room", "leave", "letter", "travel", "expenses", "holiday"),
        (
            Skill("book_room", "Book a meeting room.", r"room for (\d+)", 0.3, 0.01,
                  lambda about: f"room {_number(about, 1, 4)}.{_number(about, 10, 40)} for {about}",
                  "Booked: {}, with coffee for everybody."),
            Skill("leave_balance", "How many days of leave are left.", r"days of leave", 0.2, 0.01,
                  lambda about: "17 of 30 days",
                  "You have {} left; five of them end with March."),
            Skill("draft_letter", "Draft a letter.", r"letter to (\w+)", 1.2, 0.02,
                  lambda about: f"a draft to {about}, two paragraphs",
                  "I wrote {}; it waits among your documents for a last look."),
        ),
    ),
}  # fmt: skip
SKILLS: Mapping[str, Skill] = {skill.name: skill for each in DEPARTMENTS.values() for skill in each.skills}
_KNOWLEDGE = re.compile(r"^(How do|What is the rule|May I)\b")


def route(question: str) -> Route:
    """The department with most of its words in the question; the first of several, `oa` where there is none."""
    found = {name: sum(word in question.lower() for word in each.words) for name, each in DEPARTMENTS.items()}
    best = max(found, key=lambda name: found[name])
    if not found[best]:
        return Route("oa", 0.4)
    return Route(best, found[best] / sum(found.values()))


def wanted(department: str, question: str) -> list[tuple[str, str]]:
    """The tools that a question asks a department for, each with its argument."""
    if _KNOWLEDGE.match(question):
        return [(KNOWLEDGE, question)]
    hits = ((skill.name, re.search(skill.pattern, question)) for skill in DEPARTMENTS[department].skills)
    return [(name, hit[1] if hit.lastindex else hit[0]) for name, hit in hits if hit]


def compose(department: str, asked: list[tuple[str, str]], known: Mapping[str, str]) -> str:
    """The answer from what the tools gave; those missing in `known` failed."""
    if not asked:
        return f"I help with {DEPARTMENTS[department].title}. Could you say in other words what you need from me?"
    said = []
    for name, _ in asked:
        if name not in known:
            said.append(FAILED)
        elif name == KNOWLEDGE:
            said.append(f"The handbook says: {known[name]}")
        else:
            said.append(SKILLS[name].sentence.format(known[name]))
    return " ".join([*said, "Is there anything else that I can do for you?"])
