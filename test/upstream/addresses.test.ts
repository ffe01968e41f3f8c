import assert from "node:assert/strict";
import { test } from "node:test";
import { KnownAddresses } from "../../src/upstream/addresses";
import type { Outcome } from "../../src/upstream/attempts";

function outcome({ won = null, failed = {}, overtaken = [] }: Told): Outcome<string> {
  const faults = Object.entries(failed).map(([address, code]) => ({
    address,
    fault: Object.assign(new Error(code), { code }),
    reached: false,
  }));
  return { won, winner: won ?? "", failed: faults, overtaken };
}

interface Told {
  readonly won?: string | null;
  /** The code of the fault for each address. */
  readonly failed?: Record<string, string>;
  readonly overtaken?: string[];
}

test("families take turns, beginning with that of the first address; an address counts once", () => {
  const known = new KnownAddresses();
  assert.deepEqual(known.inOrder(["::1", "::2", "::3", "192.0.2.1", "::2"], 110), ["::1", "192.0.2.1", "::2", "::3"]);
  assert.deepEqual(known.inOrder(["192.0.2.1", "192.0.2.2", "::1"], 110), ["192.0.2.1", "::1", "192.0.2.2"]);
  assert.deepEqual(known.inOrder(["::1"], 110), ["::1"]);
  assert.deepEqual(known.inOrder([], 110), []);
});

test("B2: what has failed is tried last, what was overtaken before it, and a success clears both", () => {
  const known = new KnownAddresses();
  const all = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
  known.note(outcome({ failed: { "192.0.2.1": "ECONNREFUSED" } }), 110);
  known.note(outcome({ won: "192.0.2.3", overtaken: ["192.0.2.1", "192.0.2.2"] }), 110);
  assert.deepEqual(known.inOrder(all, 110), ["192.0.2.3", "192.0.2.2", "192.0.2.1"]);
  assert.deepEqual(known.inOrder(all, 995), all, "another port is another server");
  known.note(outcome({ won: "192.0.2.1" }), 110);
  assert.deepEqual(known.inOrder(all, 110), ["192.0.2.1", "192.0.2.3", "192.0.2.2"]);
});

test("a fault of this machine says nothing of an address", () => {
  const known = new KnownAddresses();
  const all = ["192.0.2.1", "192.0.2.2"];
  for (const code of ["EMFILE", "EADDRNOTAVAIL", "ENOBUFS"])
    known.note(outcome({ failed: { "192.0.2.1": code } }), 110);
  assert.deepEqual(known.inOrder(all, 110), all);
});

test("a name with hundreds of addresses has eight attempts, and those that failed are not among them", () => {
  const known = new KnownAddresses();
  const all = Array.from({ length: 300 }, (_, index) => `192.0.2.${index % 250}`);
  known.note(outcome({ failed: { "192.0.2.0": "ETIMEDOUT" } }), 110);
  assert.deepEqual(
    known.inOrder(all, 110),
    Array.from({ length: 8 }, (_, index) => `192.0.2.${index + 1}`),
  );
});
