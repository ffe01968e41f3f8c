/** The names of servers in metrics: no client can make up one. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { CHOSEN, OTHERS, ServerNames } from "../../src/metrics/servernames";
import { settingsFor } from "../stage/settings";

const selected = { selected: true };
const named = { selected: false };

test("servers that the administrator named have names of their own, whoever has selected them", () => {
  const names = new ServerNames();
  const server = { host: "default.example.org", port: null };
  const settings = settingsFor({
    server,
    select: true,
    servers: "one.example.org,two.example.org:1110,*.wild.example",
  });
  names.add(settings.services[0]);
  assert.equal(names.of({ host: "default.example.org", port: 110 }, named), "default.example.org:110");
  assert.equal(names.of({ host: "one.example.org", port: 995 }, selected), "one.example.org:995");
  assert.equal(names.of({ host: "two.example.org", port: 1110 }, selected), "two.example.org:1110");
  assert.equal(names.of({ host: "a.wild.example", port: 110 }, selected), CHOSEN);
  assert.equal(names.of({ host: "one.example.org", port: 4711 }, selected), CHOSEN);
});

test("a map or a program may name any number of servers: so many have names, the rest shares one", () => {
  const names = new ServerNames();
  const all = Array.from({ length: 300 }, (_, index) => names.of({ host: `${index}.example.org`, port: 110 }, named));
  assert.equal(new Set(all).size, 201);
  assert.equal(all.at(-1), OTHERS);
  assert.equal(names.of({ host: "7.example.org", port: 110 }, named), "7.example.org:110");
});
