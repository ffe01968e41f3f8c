import assert from "node:assert/strict";
import { test } from "node:test";
import { facilities, parseFacility, parseSyslogAddress } from "../../src/config/syslog";

test("--syslog: udp or tcp, a name or an address, 514 unless told", () => {
  const parsed = (text: string) => Object.values(parseSyslogAddress(text)).join(" ");
  assert.equal(parsed("udp://127.0.0.1"), "udp 127.0.0.1 514");
  assert.equal(parsed("tcp://Log.Example.:601"), "tcp log.example 601");
  assert.equal(parsed("UDP://[::1]"), "udp ::1 514");
  assert.equal(parsed("tcp://[2001:DB8:0::1]:1514"), "tcp 2001:db8::1 1514");
  for (const text of [
    ...["", "127.0.0.1", "udp:127.0.0.1", "udp://", "udp://:514", "udp://host:", "udp://host:0", "udp://host:65536"],
    ...["udp://host/", "udp://::1", "udp://[::1", "udp://a b", "tls://host", "unix:///dev/log", "udp://u@host"],
    ...["udp://127.1", "udp://host:514\n", "udp://\nhost"],
  ]) {
    assert.throws(() => parseSyslogAddress(text), /^Error: give udp:\/\/host.*$/, text);
  }
});

test("--facility: those of syslog(3), with their numbers", () => {
  assert.equal(facilities.size, 20);
  for (const [name, number] of [
    ["kern", 0],
    ["mail", 2],
    ["daemon", 3],
    ["authpriv", 10],
    ["ftp", 11],
    ["local0", 16],
    ["local7", 23],
  ] as const) {
    assert.equal(parseFacility(name), number);
  }
  for (const name of ["", "Mail", "local8", "2", "constructor"]) assert.throws(() => parseFacility(name), /facility/);
});
