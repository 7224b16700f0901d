"use strict";
// Headers become buttons: first the largest on top (names: A to Z), then the other way, then as it was. Rows without a
// number stay below. Without this script the tables are the same, in their own order.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const original = Array.from(body.rows);
  const headers = Array.from(table.tHead.rows[0].cells);
  headers.forEach((header, place) => {
    const title = header.textContent;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = title;
    header.textContent = "";
    header.append(button);
    const numeric = original.some((row) => row.cells[place].dataset.value !== undefined);
    const orders = numeric ? ["descending", "ascending", "none"] : ["ascending", "descending", "none"];
    button.addEventListener("click", () => {
      const now = header.getAttribute("aria-sort") || "none";
      const next = orders[(orders.indexOf(now) + 1) % orders.length];
      for (const other of headers) other.removeAttribute("aria-sort");
      if (next !== "none") header.setAttribute("aria-sort", next);
      body.append(...(next === "none" ? original : sorted(original, place, numeric, next === "ascending" ? 1 : -1)));
      document.getElementById("status").textContent =
        next === "none" ? "original order" : "sorted by " + title + ", " + next;
    });
  });
}

function sorted(rows, place, numeric, direction) {
  const key = (row) => {
    const cell = row.cells[place];
    if (!numeric) return cell.textContent;
    return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
  };
  return Array.from(rows).sort((one, other) => {
    const [first, second] = [key(one), key(other)];
    if (first === null || second === null) return (first === null) - (second === null);
    return direction * (numeric ? first - second : first.localeCompare(second, "en"));
  });
}
