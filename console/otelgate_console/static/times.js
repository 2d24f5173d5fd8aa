// Shows times in the reader's own zone; without scripts they stand in UTC.
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
for (const element of document.querySelectorAll("time[datetime], time[data-ns]")) {
  const moment = element.dataset.ns ? new Date(Number(BigInt(element.dataset.ns) / 1000000n)) : new Date(element.dateTime);
  element.title = moment.toISOString();
  element.textContent = format.format(moment);
}
