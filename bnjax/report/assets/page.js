"use strict";
// Headings become buttons here, so that without scripts they are plain headings.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
      rows.sort(([a], [b]) => compare(a, b, down ? -1 : 1));
      body.append(...rows.map(([, row]) => row));
    });
  });
}

// A choice for each column that has one, above its table; rows that do not fit all choices are hidden.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const columns = heads.map((head, column) => column).filter((column) => "filter" in heads[column].dataset);
  if (!columns.length) continue;
  const rows = [...table.tBodies[0].rows];
  const bar = document.createElement("div");
  bar.className = "filters";
  const choices = columns.map((column) => {
    const label = document.createElement("label"), select = document.createElement("select");
    const found = [...new Set(rows.flatMap((row) => partsOf(row.cells[column])))].sort();
    select.append(new Option("all", ""), ...found.map((text) => new Option(text, text)));
    label.append(heads[column].textContent.trim() + " ", select);
    bar.append(label);
    return select;
  });
  const told = document.createElement("output");
  bar.append(told);
  const choose = () => {
    for (const row of rows)
      row.hidden = choices.some((select, i) => select.value && !partsOf(row.cells[columns[i]]).includes(select.value));
    told.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  };
  for (const select of choices) select.addEventListener("change", choose);
  choose();
  table.closest(".scroll").before(bar);
}

// What a cell says, without the sign of a verdict; of a list its entries.
function partsOf(cell) {
  const words = [...cell.childNodes].filter((node) => !node.ariaHidden).map((node) => node.textContent);
  return words.join("").trim().split("; ");
}

// A cell's number, its text, or null for a number that is missing, which stays last in both directions.
function valueOf(cell) {
  const order = cell.dataset.order;
  if (order === undefined) return cell.textContent.trim();
  return order === "" ? null : Number(order);
}

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * String(a).localeCompare(String(b), "en", { numeric: true });
}
