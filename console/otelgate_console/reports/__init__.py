"""Reports of a day, a week or a month: gathered once, shown as a page, sent as mail, written as Markdown."""
