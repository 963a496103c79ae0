"use strict";
// Texts of the document are added as text, never as HTML.

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
let schemas = {};

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function nameOf(reference) {
  return reference.split("/").pop();
}

/** A schema in the words of TypeScript, which are short. */
function typeOf(schema, depth = 0, seen = []) {
  if (schema === true || schema === undefined || schema === null) return "any";
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    if (seen.includes(name) || depth > 6) return name;
    const target = schemas[name];
    return target === undefined ? name : typeOf(target, depth, [...seen, name]);
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const several = schema.anyOf || schema.oneOf;
  if (several) return several.map((part) => typeOf(part, depth, seen)).join(" | ");
  if (schema.allOf) return schema.allOf.map((part) => typeOf(part, depth, seen)).join(" & ");
  const kinds = Array.isArray(schema.type) ? schema.type : [schema.type];
  return kinds.map((kind) => typeOfKind(kind, schema, depth, seen)).join(" | ");
}

function typeOfKind(kind, schema, depth, seen) {
  if (kind === "array") {
    if (schema.prefixItems) {
      return "[" + schema.prefixItems.map((part) => typeOf(part, depth, seen)).join(", ") + "]";
    }
    const item = typeOf(schema.items, depth, seen);
    return item.includes(" | ") ? `(${item})[]` : `${item}[]`;
  }
  if (kind === "object" || (kind === undefined && schema.properties)) {
    const indent = "  ".repeat(depth + 1);
    const required = schema.required || [];
    const lines = Object.entries(schema.properties || {}).map(([name, part]) => {
      const mark = required.includes(name) ? "" : "?";
      const text = typeof part === "object" && part.description ? "  // " + part.description.split("\n")[0] : "";
      return `${indent}${name}${mark}: ${typeOf(part, depth + 1, seen)}${text}`;
    });
    const more = schema.additionalProperties;
    if (more && typeof more === "object") lines.push(`${indent}[key]: ${typeOf(more, depth + 1, seen)}`);
    return lines.length === 0 ? "object" : `{\n${lines.join("\n")}\n${"  ".repeat(depth)}}`;
  }
  const name = kind === undefined ? "any" : kind;
  return schema.format ? `${name} (${schema.format})` : name;
}

/** A schema in a few words: the name of its type. */
function nameOfType(schema) {
  if (schema.$ref) return nameOf(schema.$ref);
  if (schema.type === "array" && schema.items) return `${nameOfType(schema.items)}[]`;
  const type = typeOf(schema);
  return type.includes("\n") ? "object" : type;
}

/** Lines of a type, whose comments look like comments. */
function linesOf(schema) {
  const parts = typeOf(schema).split(/(  \/\/ [^\n]*)/);
  return parts.map((part) => (part.startsWith("  // ") ? element("span", { class: "comment" }, part) : part));
}

function parametersOf(operation) {
  const parameters = operation.parameters || [];
  if (parameters.length === 0) return null;
  const head = element("tr", {}, ...["Name", "In", "Type", "Description"].map((text) => element("th", { scope: "col" }, text)));
  const rows = parameters.map((it) =>
    element("tr", {},
      element("th", { scope: "row" }, element("code", {}, it.name), it.required ? element("span", { class: "required" }, "required") : null),
      element("td", {}, it.in),
      // One that may be left out has no other way to be null.
      element("td", {}, element("code", {}, it.required ? typeOf(it.schema) : typeOf(it.schema).replace(/ \| null$/, ""))),
      element("td", {}, it.description || "")));
  return element("div", {}, element("h3", {}, "Parameters"), element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}

function contentOf(content) {
  return Object.entries(content || {}).map(([kind, media]) =>
    element("div", {},
      element("span", { class: "quiet" }, kind),
      media.schema ? element("pre", { tabindex: "0" }, ...linesOf(media.schema)) : null));
}

/** The first response is open: the others are mostly errors, which look alike. */
function responsesOf(operation, api) {
  const parts = Object.entries(operation.responses || {}).map(([status, response], place) => {
    const known = response.$ref ? api.components.responses[nameOf(response.$ref)] : response;
    const types = Object.values(known.content || {}).map((media) => media.schema).filter(Boolean).map(nameOfType);
    const title = [
      element("span", { class: "status" }, status),
      element("span", {}, known.description || ""),
      types.length > 0 ? element("code", { class: "quiet" }, types.join(" | ")) : null,
    ];
    const content = contentOf(known.content);
    const head = element("summary", {}, ...title.filter((it) => it !== null));
    if (content.length === 0) content.push(element("span", { class: "quiet" }, "no body"));
    const made = element("details", { class: "response" }, head, element("div", { class: "content" }, ...content));
    made.open = place === 0;
    return made;
  });
  return element("div", {}, element("h3", {}, "Responses"), ...parts);
}

function operationOf(api, path, method, operation) {
  const title = element("summary", {},
    element("span", { class: `method ${method}` }, method.toUpperCase()), " ",
    element("span", { class: "path" }, path), " ",
    element("span", { class: "quiet" }, operation.summary || ""));
  const body = operation.requestBody;
  const content = element("div", { class: "content" },
    operation.deprecated ? element("p", {}, element("strong", {}, "Deprecated.")) : null,
    operation.description ? element("p", {}, operation.description) : null,
    parametersOf(operation),
    body ? element("div", {}, element("h3", {}, body.required ? "Body" : "Body (optional)"), ...contentOf(body.content)) : null,
    responsesOf(operation, api));
  const made = element("details", { id: operation.operationId, class: "operation" }, title, content);
  // The address of the page is that of what was opened last, to be sent to others.
  title.addEventListener("click", () => history.replaceState(null, "", made.open ? location.pathname : `#${made.id}`));
  made.addEventListener("toggle", label);
  if (operation.deprecated) made.classList.add("deprecated");
  made.dataset.text = [method, path, operation.summary, operation.description].join(" ").toLowerCase();
  return made;
}

function show(api) {
  schemas = (api.components && api.components.schemas) || {};
  document.title = api.info.title;
  document.getElementById("title").textContent = api.info.title;
  document.getElementById("about").textContent = `Version ${api.info.version}`;
  const groups = new Map();
  for (const [path, item] of Object.entries(api.paths || {})) {
    for (const method of METHODS.filter((it) => item[it])) {
      const operation = item[method];
      const tag = (operation.tags || ["api"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operationOf(api, path, method, operation));
    }
  }
  const main = document.getElementById("operations");
  let number = 0;
  for (const [tag, operations] of groups) {
    number += 1;
    const title = element("h2", { id: `group-${number}` }, tag);
    main.append(element("section", { "aria-labelledby": title.id }, title, ...operations));
  }
  filter();
  const linked = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (linked && linked.tagName === "DETAILS") {
    linked.open = true;
    linked.scrollIntoView();
  }
}

function filter() {
  const words = document.getElementById("filter").value.toLowerCase().split(/\s+/);
  let count = 0;
  for (const section of document.querySelectorAll("main section")) {
    let here = 0;
    for (const operation of section.querySelectorAll("details.operation")) {
      const matches = words.every((word) => operation.dataset.text.includes(word));
      operation.hidden = !matches;
      here += matches ? 1 : 0;
    }
    section.hidden = here === 0;
    count += here;
  }
  label();
  document.getElementById("count").textContent = count === 1 ? "1 operation" : `${count} operations`;
}

/** Opens all operations that are shown, or closes them if all are open. */
function toggleAll() {
  const shown = [...document.querySelectorAll("details.operation:not([hidden])")];
  const open = !shown.every((it) => it.open);
  for (const operation of shown) operation.open = open;
}

function label() {
  const shown = [...document.querySelectorAll("details.operation:not([hidden])")];
  document.getElementById("all").textContent = shown.every((it) => it.open) ? "Collapse all" : "Expand all";
}

document.getElementById("filter").addEventListener("input", filter);
document.getElementById("all").addEventListener("click", toggleAll);
fetch("openapi.json")
  .then((response) => {
    if (!response.ok) throw new Error(`openapi.json: ${response.status}`);
    return response.json();
  })
  .then(show)
  .catch((error) => {
    document.getElementById("operations").append(element("p", { role: "alert" }, `The document can't be shown: ${error.message}`));
  });
