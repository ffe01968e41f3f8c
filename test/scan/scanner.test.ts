import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Limits } from "../../src/config/settings";
import { ClamdScanner, scanSlots } from "../../src/scan/scanner";
import type { ScannedMail } from "../../src/session/scans";
import { FakeClamd } from "../stage/clamd";
import { settingsFor } from "../stage/settings";
import { until } from "../stage/waiting";

const patient = new AbortController().signal;
const mail = { session: "s", client: "127.0.0.1", user: "joe", server: "mail.example.org", command: "RETR 1" };

/** A scanner whose clamd a test plays. */
function scanner({ address }: FakeClamd, limits: Partial<Limits> = {}) {
  const {
    services: [service],
  } = settingsFor({ server: address, scan: true, clamd: address, limits });
  assert.ok(service.scan);
  const scans = scanSlots();
  return { scans, scanner: new ClamdScanner(service.scan, service.limits, { scans }, () => {}) };
}

async function begin(t: TestContext, one: ClamdScanner, octets: string, of: Partial<ScannedMail> = {}) {
  const scan = await one.begin({ ...mail, ...of }, "+OK");
  t.after(() => scan.close());
  scan.send(`+OK\r\n${octets}`);
  return scan;
}

test("a mail is scanned when all of it is written", async (t) => {
  const clamd = await FakeClamd.start(t);
  const body = "x".repeat(5_000_000);
  const scan = await begin(t, scanner(clamd).scanner, `${body}\r\n.\r\n`);
  assert.deepEqual(await scan.verdict(patient), { kind: "clean" });
  assert.equal(clamd.bodies[0]?.length, body.length + 2);
});

test("V1: the wait for other scans counts as time of the scan, and ends with the session", async (t) => {
  const clamd = await FakeClamd.start(t);
  const { scans, scanner: one } = scanner(clamd, { scan: 100 });
  const leave = await Promise.all(Array.from({ length: 8 }, (_, at) => scans.take(patient, `${at}`)));
  const scan = await begin(t, one, "x\r\n.\r\n");
  const verdict = await scan.verdict(patient);
  assert.ok(verdict.kind === "refused" && verdict.code === "scanner", JSON.stringify(verdict));
  assert.match(verdict.reason, /no answer in time$/);
  const gone = new AbortController();
  const given = assert.rejects(scan.verdict(gone.signal), /^Error: gone$/);
  gone.abort(new Error("gone"));
  await given;
  assert.equal(clamd.bodies.length, 0);
  for (const each of leave) each();
});

test("R9: one client whose mails take long does not have all turns; those that are exempt are many", async (t) => {
  const clamd = await FakeClamd.start(t);
  clamd.answer = () => null;
  const exempt = [{ address: "192.0.2.7", bits: 32 }];
  const { scans, scanner: one } = scanner(clamd, { exempt });
  const gone = new AbortController();
  const verdicts: Promise<unknown>[] = [];
  const scan = async (client: string, session: string) => {
    const begun = await begin(t, one, "x\r\n.\r\n", { client, session });
    verdicts.push(assert.rejects(begun.verdict(gone.signal), /gone/));
  };
  const scanned = (count: number) =>
    until(
      () => clamd.bodies.length >= count,
      () => `${clamd.bodies.length} of ${count}`,
    );
  for (let at = 0; at < 9; at++) await scan(`2001:db8::${at}`, `a${at}`);
  await scanned(6);
  await scan("192.0.2.1", "b");
  await scanned(7);
  await scan("192.0.2.7", "c");
  await scanned(8);
  await scan("192.0.2.7", "d");
  await until(() => scans.waiting === 4, "nobody waits");
  assert.equal(clamd.bodies.length, 8);
  gone.abort(new Error("gone"));
  await Promise.all(verdicts);
  assert.equal(scans.waiting, 0);
});
