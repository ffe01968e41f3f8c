/** Mechanism by mechanism, and server by server: how a login is replayed. Each row is a dialogue with its two legs. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mechanism } from "../../src/protocol/credentials";
import { Accepting } from "../stage/accepting";
import { startGateway } from "../stage/gateway";
import { Peer } from "../stage/peer";
import { playThrough } from "../transcripts/play";
import { parse } from "../transcripts/transcript";

const TOKEN = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==";

const base64 = (text: string) => Buffer.from(text, "latin1").toString("base64");

/** What a mail program says, and what a server gets, for joe,=mail with the password "s3cr3t", or with the token. */
const RESPONSES = {
  PLAIN: base64("\0joe,=mail\0s3cr3t"),
  OAUTHBEARER: base64(`n,a=joe=2C=3Dmail,\x01auth=Bearer ${TOKEN}\x01\x01`),
  XOAUTH2: base64(`user=joe,=mail\x01auth=Bearer ${TOKEN}\x01\x01`),
} satisfies Record<Mechanism, string>;

/** OAUTHBEARER as mail programs write it, with the gateway's own host and port in it. */
const WITH_HOST = base64(`n,a=joe=2C=3Dmail,\x01host=gateway.example.org\x01port=110\x01auth=Bearer ${TOKEN}\x01\x01`);

/** How a client logs in, and what it says after each line of the gateway. */
const CLIENTS: readonly { name: string; kind: "password" | "OAUTHBEARER" | "XOAUTH2"; says: readonly string[] }[] = [
  { name: "PLAIN inline", kind: "password", says: [`AUTH PLAIN ${RESPONSES.PLAIN}`] },
  { name: "PLAIN in two lines", kind: "password", says: ["auth plain", RESPONSES.PLAIN] },
  {
    name: "PLAIN with the user's own identity",
    kind: "password",
    says: [`AUTH PLAIN ${base64("joe,=mail\0joe,=mail\0s3cr3t")}`],
  },
  { name: "OAUTHBEARER inline", kind: "OAUTHBEARER", says: [`AUTH OAUTHBEARER ${RESPONSES.OAUTHBEARER}`] },
  { name: "OAUTHBEARER in two lines", kind: "OAUTHBEARER", says: ["AUTH OAUTHBEARER", WITH_HOST] },
  { name: "XOAUTH2 inline", kind: "XOAUTH2", says: [`AUTH XOAUTH2 ${RESPONSES.XOAUTH2}`] },
  { name: "XOAUTH2 in two lines", kind: "XOAUTH2", says: ["AUTH XOAUTH2", RESPONSES.XOAUTH2] },
];

type Way = "USER" | Mechanism | "none";

/** What a server answers to CAPA, and how it gets a login with a password, OAUTHBEARER and XOAUTH2. */
const SERVERS: readonly [name: string, capabilities: readonly string[] | null, Way, Way, Way][] = [
  ["no CAPA", null, "USER", "none", "none"],
  ["USER alone", ["USER"], "USER", "none", "none"],
  ["USER and PLAIN", ["USER", "SASL PLAIN"], "USER", "none", "none"],
  ["PLAIN alone", ["TOP", "SASL PLAIN"], "PLAIN", "none", "none"],
  ["PLAIN and XOAUTH2", ["SASL PLAIN XOAUTH2"], "PLAIN", "XOAUTH2", "XOAUTH2"],
  ["the list of Exchange", ["TOP", "UIDL", "SASL PLAIN XOAUTH2", "USER"], "USER", "XOAUTH2", "XOAUTH2"],
  ["OAUTHBEARER alone", ["SASL OAUTHBEARER"], "none", "OAUTHBEARER", "OAUTHBEARER"],
  ["both for tokens", ["SASL XOAUTH2 OAUTHBEARER"], "none", "OAUTHBEARER", "XOAUTH2"],
  ["LOGIN alone", ["SASL LOGIN"], "none", "none", "none"],
  ["STLS first", ["TOP", "STLS"], "none", "none", "none"],
  ["nothing of logins", ["TOP", "UIDL"], "USER", "none", "none"],
  ["a CR behind a mechanism", ["USER", "SASL PLAIN XOAUTH2\\r"], "USER", "XOAUTH2", "XOAUTH2"],
  ["lower case, TAB, two lines", ["user", "sasl\\tplain", "sasl oauthbearer"], "USER", "OAUTHBEARER", "OAUTHBEARER"],
];

/** The server's leg, from the answer to CAPA on. */
function replay(way: Way): string[] {
  if (way === "none") return ["C: (closes)"];
  const login =
    way === "USER"
      ? ["C: USER joe,=mail", "S: +OK", "C: PASS s3cr3t"]
      : [`C: AUTH ${way}`, "S: + ", `C: ${RESPONSES[way]}`];
  return [...login, "S: +OK welcome", "C: QUIT", "S: +OK bye"];
}

function dialogue(says: readonly string[], capabilities: readonly string[] | null, way: Way): string {
  const client = says.flatMap((line, index) => [...(index > 0 ? ["S: + "] : []), `C: ${line}`]);
  const answer =
    capabilities === null ? ["S: -ERR what?"] : ["S: +OK", ...capabilities.map((one) => `S: ${one}`), "S: ."];
  const server = ["S: +OK hello", "C: CAPA", ...answer, ...replay(way)];
  const end =
    way === "none"
      ? ["S: -ERR [SYS/PERM] server does not take this kind of login"]
      : ["S: +OK welcome", "C: QUIT", "S: +OK bye"];
  return ["S: +OK POP3 server ready", ...client, ...server.map((line) => `  ${line}`), ...end].join("\n");
}

for (const [name, capabilities, password, OAUTHBEARER, XOAUTH2] of SERVERS) {
  test(`L7, L8: a server with ${name}`, async (t) => {
    for (const { name: how, kind, says } of CLIENTS) {
      const accepting = new Accepting();
      const wishes = { mechanisms: ["PLAIN", "OAUTHBEARER", "XOAUTH2"] as const };
      const gateway = await startGateway(await accepting.open(), wishes, { t });
      const way = { password, OAUTHBEARER, XOAUTH2 }[kind];
      const transcript = parse(`${name}, ${how}`, dialogue(says, capabilities, way));
      await playThrough(await Peer.connect(gateway.port), accepting, transcript, "line by line");
      const { fields } = await gateway.logged(way === "none" ? "denied" : "login");
      assert.equal(fields.mechanism, /PLAIN/i.exec(how)?.[0] ?? kind);
      if (way === "none") assert.equal(fields.code, "no-mechanism");
      await accepting.close();
    }
  });
}
