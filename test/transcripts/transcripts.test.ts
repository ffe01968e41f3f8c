/**
 * Every transcript, played in every way in clear, played under TLS, and cut off in the middle of either leg. The long form
 * cuts at every octet, and plays in every way under TLS; the short form draws them.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn, LONG, REPEAT, tellDraw } from "../stage/draws";
import { cutsOf } from "./cuts";
import { type Cut, type Legs, Stage, type Style } from "./play";
import { boundaries, said, type Transcript, transcripts } from "./transcript";

const STYLES: readonly Style[] = ["line by line", "octet by octet", "as much as there is"];

/** Every way to play under TLS, where the octets of a line come together. */
const UNDER_TLS = [
  { name: "the client's leg", legs: { client: true, server: false } },
  { name: "the server's leg", legs: { client: false, server: true } },
  { name: "both legs", legs: { client: true, server: true } },
].flatMap((leg) => (["line by line", "as much as there is"] as const).map((style) => ({ ...leg, style })));

/** Plays at once: some of them wait for the inactivity limit. */
const AT_ONCE = LONG ? 32 : 8;

tellDraw("cuts and plays under TLS");

for (const transcript of transcripts()) {
  for (const style of STYLES) {
    test(`${transcript.name}, ${style}`, { timeout: 300_000 }, () =>
      onStage(transcript, (stage) => stage.play(transcript, style)),
    );
  }
  for (const { name, legs, style } of drawn(UNDER_TLS, 1, `${transcript.name}, TLS`)) {
    test(`${transcript.name}, ${style}, TLS on ${name}`, { timeout: 300_000 }, () =>
      onStage(transcript, (stage) => stage.play(transcript, style), legs),
    );
  }
  test(`I10, I11: ${transcript.name}, cut off inside either leg`, () => playCuts(transcript));
}

/** A stage of its own for each play: what a gateway has learned of a server would change the next one. */
async function onStage<Result>(
  transcript: Transcript,
  play: (stage: Stage) => Promise<Result>,
  legs?: Legs,
): Promise<Result> {
  const stage = new Stage(legs);
  await stage.open(transcript);
  try {
    return await play(stage);
  } finally {
    await stage.close();
  }
}

async function playCuts(transcript: Transcript): Promise<void> {
  const cuts = cutsOf(transcript);
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let cut = cuts.pop(); cut; cut = cuts.pop()) {
        const { leg, how, at } = cut;
        await playCut(transcript, cut).catch((cause: Error) => {
          throw new Error(`${leg} ${how} at ${at} (${REPEAT}): ${cause.message}`, { cause });
        });
      }
    }),
  );
}

async function playCut(transcript: Transcript, cut: Cut): Promise<void> {
  // A scripted server may wait for a command that the cut took away: then the inactivity limit ends the session.
  const brisk = { ...transcript, settings: { ...transcript.settings, timeout: 1000 } };
  const { clientHeard, serverHeard, closeLines, reason } = await onStage(brisk, (stage) =>
    stage.playCut(transcript, cut),
  );
  assert.equal(closeLines, 1, reason);
  const script = said(transcript.client, "gateway");
  const common = commonLength(clientHeard, script);
  const rest = clientHeard.slice(common);
  // An -ERR of the script may begin like ours does, so the boundary is looked for behind it, too.
  const ours = /-ERR [^\r\n]*\r\n$/.exec(clientHeard);
  const lf = /^[^\r\n]*\n/.test(said(transcript.server, "peer"));
  const atBoundary =
    ours && boundaries(transcript.client, lf).has(ours.index) && script.startsWith(clientHeard.slice(0, ours.index));
  // A status line that the server's end has cut short counts as it is; what was sent behind it is refused.
  const last = clientHeard.slice(0, common).split("\r\n").pop() ?? "";
  const shortened = cut.leg === "server" && /^\r\n(?:-ERR [^\r\n]*\r\n)*$/.test(rest) && /^(?:\+OK|-ERR)/.test(last);
  assert.ok(rest === "" || atBoundary || shortened, `${reason}: the client heard ${JSON.stringify(clientHeard)}`);
  const quitBefore = /^quit *\r?$/im.test(
    said(transcript.client, "peer").slice(0, cut.leg === "client" ? cut.at : undefined),
  );
  assert.ok(quitBefore || !/^QUIT\r$/m.test(serverHeard), `${reason}: a QUIT that the client did not give`);
  const toServer = said(transcript.server, "gateway");
  assert.ok(toServer.startsWith(serverHeard), `${reason}: the server heard ${JSON.stringify(serverHeard)}`);
}

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}
