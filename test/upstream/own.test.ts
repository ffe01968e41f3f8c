import assert from "node:assert/strict";
import type { networkInterfaces } from "node:os";
import { test } from "node:test";
import { isOwn } from "../../src/upstream/own";

const PORT = 110;

const nic = (address: string, internal = false) => ({ address, internal }) as never;

/** A machine with a loopback and one other interface. */
const interfaces: typeof networkInterfaces = () => ({
  lo: [nic("127.0.0.1", true), nic("::1", true)],
  "br-1": [nic("192.0.2.7"), nic("2001:db8::7"), nic("fe80::7")],
});

const own = (listener: string, to: string, port = PORT) =>
  isOwn([{ host: listener, port: PORT }], to, port, interfaces);

test("B25: a listener is meant by every spelling of its address, and by unspecified addresses", () => {
  for (const [listener, ...targets] of [
    ["127.0.0.1", "127.0.0.1", "0.0.0.0", "::", "::ffff:0.0.0.0", "::ffff:0:0", "::ffff:127.0.0.1", "::%lo"],
    ["::ffff:127.0.0.1", "127.0.0.1", "::ffff:7f00:1", "::ffff:127.0.0.1%lo", "0.0.0.0"],
    ["::1", "::1", "0:0:0:0:0:0:0:1", "::1%lo", "::1%1", "::", "0.0.0.0"],
    ["fe80::7%br-1", "fe80::7%br-1", "fe80::7%2", "::"],
    ["192.0.2.7", "192.0.2.7", "::ffff:192.0.2.7", "0.0.0.0"],
  ] as [string, ...string[]][]) {
    for (const to of targets) assert.ok(own(listener, to), `${listener} is ${to}`);
  }
});

test("B25: a wildcard listener is meant by every address of this machine", () => {
  const all = ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "192.0.2.7", "::ffff:192.0.2.7", "2001:db8::7"];
  const zoned = ["fe80::7", "fe80::7%br-1", "fe80::7%2", "fe80::1%lo", "fe80::1%1", "::1%lo", "2001:DB8:0::7"];
  for (const listener of ["::", "0.0.0.0", "::ffff:0.0.0.0"]) {
    for (const to of [...all, ...zoned]) assert.ok(own(listener, to), `${listener} is ${to}`);
  }
});

test("other addresses, and other ports, are other servers", () => {
  assert.ok(!own("127.0.0.1", "127.0.0.2"));
  assert.ok(!own("192.0.2.7", "127.0.0.1"));
  for (const to of ["192.0.2.8", "2001:db8::8", "fe80::8%br-1", "fe80::8", "::ffff:192.0.2.8"]) {
    assert.ok(!own("::", to), to);
  }
  for (const to of ["127.0.0.1", "0.0.0.0", "::1"]) assert.ok(!own("::", to, 111), to);
  assert.ok(!isOwn([], "0.0.0.0", PORT, interfaces));
});
