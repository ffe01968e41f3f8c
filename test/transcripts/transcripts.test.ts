/**
 * Every transcript, played in every way, and cut off in the middle of either leg: at every octet in the long form, at
 * a draw of them otherwise.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { cutsOf, LONG, SEED } from "./cuts";
import { type Cut, type Legs, Stage, type Style } from "./play";
import { boundaries, said, type Transcript, transcripts } from "./transcript";

const TLS: readonly [string, Legs][] = [
  ["the client's leg", { client: true, server: false }],
  ["the server's leg", { client: false, server: true }],
  ["both legs", { client: true, server: true }],
];

const STYLES: readonly Style[] = ["line by line", "octet by octet", "as much as there is"];

/** Plays at once. */
const AT_ONCE = 8;

console.log(LONG ? "cut off at every octet" : `the cuts are drawn by POP3_TEST_SEED=${SEED}`);

for (const transcript of transcripts()) {
  for (const style of STYLES) {
    test(`${transcript.name}, ${style}`, { timeout: 120_000 }, () =>
      onStage(transcript, (stage) => stage.play(transcript, style)),
    );
  }
  for (const [name, legs] of TLS) {
    test(`${transcript.name}, TLS on ${name}`, { timeout: 120_000 }, async () => {
      for (const style of ["line by line", "as much as there is"] as const) {
        await onStage(transcript, (stage) => stage.play(transcript, style), legs);
      }
    });
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
          const repeat = LONG ? "POP3_TEST_LONG=1" : `POP3_TEST_SEED=${SEED}`;
          throw new Error(`${leg} ${how} at ${at} (${repeat}): ${cause.message}`, { cause });
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
