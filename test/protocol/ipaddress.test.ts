import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { IPv6 } from "ipaddr.js";
import { addressOctets, addressText } from "../../src/protocol/ipaddress";
import { LONG } from "../stage/draws";

test("addresses as octets, and as one text", () => {
  for (const [given, shown] of [
    ["192.0.2.7", "192.0.2.7"],
    ["0.0.0.0", "0.0.0.0"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8::0:7", "2001:db8::7"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::ffff:c000:0207", "192.0.2.7"],
    ["64:ff9b::192.0.2.7", "64:ff9b::c000:207"],
    ["100:0:0:10::", "100:0:0:10::"],
  ]) {
    assert.equal(addressText(addressOctets(`${given}`) as Buffer), shown, given);
  }
  for (const given of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.256",
    ":",
    ":::",
    "1:2",
    "::1::",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "::1%lo",
    "::1.2.3",
    "1.2.3.4::",
    "g::",
    "::1.2.3.4:5",
    "mail",
  ]) {
    assert.equal(addressOctets(given), null, given);
  }
});

test("as Node and ipaddr.js have it", () => {
  const group = fc.constantFrom("0", "0", "1", "00ab", "ffff", "");
  fc.assert(
    fc.property(fc.array(group, { minLength: 3, maxLength: 9 }), (groups) => {
      const text = groups.join(":");
      const octets = addressOctets(text);
      // A "::" for one group is an address to Node, too; to RFC 5952 only to be read.
      assert.equal(octets !== null, isIPv6(text), text);
      if (octets && !addressText(octets).includes(".")) {
        assert.equal(addressText(octets), IPv6.parse(text).toRFC5952String(), text);
      }
    }),
    { numRuns: LONG ? 2000 : 700 },
  );
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("0", "1", "255", "256", "00", ""), { minLength: 3, maxLength: 5 }),
      (parts) => {
        const text = parts.join(".");
        assert.equal(addressOctets(text) !== null, isIPv4(text), text);
      },
    ),
  );
});
