// Drives a Chromium as it is told: one JSON command per line of input, one JSON answer per line of output. Each page has
// a context of its own, so that nobody shares anything. Its argument is the path of the browser.
//
//   {do: "open", page, url, width, height, dark, cookies}   a new page
//   {do: "until", page, condition}                 waits until a JavaScript expression is true
//   {do: "read", page, expression}                 its value
//   {do: "shoot", page, path, only}                a screenshot of the whole page, or only of what is in the window
//   {do: "paint", page, scheme}                    from then on in another colour scheme, light or dark
//   {do: "fill", page, into, text}                 types into a field
//   {do: "press", page, keys}                      presses keys, one after another
//   {do: "click", page, on}
//   {do: "axe", page}                              what axe-core finds, beyond the minor, in words
//   {do: "pretend", page, url, answer}             the page is answered this, in JSON, when it asks for that address
//   {do: "asked", page}                            the addresses that the page has asked for
//   {do: "joins", page}                            what it has joined over WebSockets: the payloads

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { chromium } from "playwright-core";

const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox"] });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pages = new Map();
const asked = new Map();
const joins = new Map();
const faults = []; // what pages complained of; any is told with the next answer

const commands = {
  async open({ page: name, url, width = 1280, height = 800, dark, cookies = [] }) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", reducedMotion: "reduce" });
    await context.addCookies(cookies.map((cookie) => ({ ...cookie, url })));
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(`${name}: ${error}`));
    page.on("request", (request) => asked.set(name, [...(asked.get(name) ?? []), request.url()]));
    joins.set(name, []);
    page.on("websocket", (socket) =>
      socket.on("framesent", ({ payload }) => {
        const [, , , event, what] = typeof payload === "string" ? JSON.parse(payload) : [];
        if (event === "phx_join") joins.get(name).push(what);
      }),
    );
    await page.goto(url);
    pages.set(name, page);
  },
  // Not waitForFunction: it evaluates in the page, where the Content Security Policy forbids that.
  async until({ page, condition }) {
    const left = (error) => {
      // On its way to another page, or not there yet.
      if (!/context was destroyed|properties of null/.test(String(error))) throw error;
    };
    for (const end = Date.now() + 30_000; !(await pages.get(page).evaluate(condition).catch(left)); await setTimeout(30)) {
      if (Date.now() > end) throw new Error(`not true within 30 s; the page says: ${await pages.get(page).innerText("body")}`);
    }
  },
  read: ({ page, expression }) => pages.get(page).evaluate(expression),
  shoot: ({ page, path, only }) => pages.get(page).screenshot({ path, fullPage: !only }).then(() => null),
  paint: ({ page, scheme }) => pages.get(page).emulateMedia({ colorScheme: scheme }),
  fill: ({ page, into, text }) => pages.get(page).fill(into, text),
  click: ({ page, on }) => pages.get(page).click(on),
  async press({ page, keys }) {
    for (const key of keys) await pages.get(page).keyboard.press(key);
  },
  async axe({ page }) {
    await pages.get(page).evaluate(axe); // by the debugger, which the Content Security Policy does not bind
    const { violations } = await pages.get(page).evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    return violations
      .filter(({ impact }) => impact !== "minor")
      .flatMap(({ id, impact, nodes }) => nodes.map((node) => `${impact} ${id}: ${node.html}: ${node.failureSummary}`));
  },
  pretend: ({ page, url, answer }) => pages.get(page).route(url, (route) => route.fulfill({ json: answer })).then(() => null),
  asked: async ({ page }) => asked.get(page) ?? [],
  joins: async ({ page }) => joins.get(page),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const answer = await commands[command.do](command).then(
    (value) => ({ value: value ?? null }),
    (error) => ({ error: String(error) }),
  );
  if (faults.length > 0) answer.error = [answer.error, ...faults.splice(0)].filter(Boolean).join("\n");
  console.log(JSON.stringify(answer));
}
await browser.close();
