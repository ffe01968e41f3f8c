/** The script of a play's client: what it says, in which segments, and how it leaves. */

import type { Leg } from "./commands";
import type { Random } from "./random";
import { auth, command, foreign, fragment, OCTETS, refused, type Secret, user } from "./words";

/** How the bodies of the server's mails are: with LF "." LF in the middle, or at the end only. */
export type Bodies = "plain" | "fakes" | "stored";

export type Step =
  /** Lines in segments; `waits`: one after the other, each answer awaited. */
  | { readonly does: "says"; readonly lines: readonly string[]; readonly waits: boolean }
  | { readonly does: "adds"; readonly octets: string }
  | { readonly does: "rests"; readonly milliseconds: number }
  /** STLS, and these octets in clear behind it. */
  | { readonly does: "secures"; readonly behind: string }
  | { readonly does: "stops reading" | "reads" | "half-closes" | "closes" | "resets" };

export interface Plan {
  readonly steps: readonly Step[];
  /** Whether it keeps to the protocol and stays to the end. */
  readonly stays: boolean;
  /** Whether TLS is spoken on a leg that expects it. */
  readonly handshake: boolean;
  /** Whether a mail ends for it in CRLF "." CRLF only, rather than in a line of ".". */
  readonly strict: boolean;
}

export interface Manners {
  readonly leg: Leg;
  /** Whether the client awaits each answer, and is quite in order: what some bodies need. */
  readonly waits: boolean;
  readonly orderly: boolean;
  readonly strict: boolean;
  readonly capa: boolean;
}

export function planOf(random: Random, secret: Secret, { leg, waits, orderly, strict, capa }: Manners): Plan {
  const says = (lines: readonly string[]): Step[] => (lines.length > 0 ? [{ does: "says", lines, waits }] : []);
  const noise = (most: number): string[] => {
    if (orderly || random.chance(0.6)) return [];
    return Array.from({ length: 1 + random.below(most) }, () => refused(random, secret));
  };
  const ended = random.chance(0.15) ? "\n" : "\r\n";
  const steps: Step[] = [];
  if (!orderly && random.chance(0.03)) steps.push(...says([foreign(random)]));
  if (leg === "starttls") {
    steps.push(...says(noise(2)));
    if (random.chance(0.95)) {
      const injected = !orderly && random.chance(0.05);
      steps.push({ does: "secures", behind: injected ? random.pick(["NOOP\r\n", "USER eve\r\nPASS x\r\n", "Q"]) : "" });
    }
  }
  const lines = noise(3);
  if (orderly || random.chance(0.95)) lines.push(`USER ${user(random)}`, ...noise(1), `PASS ${secret.whole}`);
  else lines.push(`USER ${user(random)}`);
  for (let count = random.below(12); count > 0; count--) {
    if (!orderly && random.chance(0.12)) lines.push(refused(random, secret));
    else if (!orderly && random.chance(0.02)) lines.push(...auth(secret));
    else lines.push(capa && random.chance(0.15) ? "CAPA" : command(random));
  }
  const [end, stays] = endOf(random, orderly);
  if (end.quits) lines.push("QUIT");
  if (end.quits && !orderly && random.chance(0.1)) lines.push("DELE 1", "NOOP");
  steps.push(...split(random, lines, says));
  if (!orderly && !waits && random.chance(0.15)) {
    steps.splice(random.below(steps.length), 0, { does: "stops reading" });
    steps.push({ does: "rests", milliseconds: 20 }, { does: "reads" });
  }
  if (!stays && random.chance(0.4)) steps.length = 1 + random.below(steps.length);
  steps.push(...end.steps(ended));
  return { steps, stays, strict, handshake: leg !== "tls" || orderly || random.chance(0.97) };
}

/** The lines in one step, or in several with a pause between. */
function split(random: Random, lines: readonly string[], says: (lines: readonly string[]) => Step[]): Step[] {
  if (random.chance(0.5)) return says(lines);
  const at = random.below(lines.length);
  const pause: Step = { does: "rests", milliseconds: random.below(4) };
  return [...says(lines.slice(0, at)), pause, ...says(lines.slice(at))];
}

interface End {
  readonly quits: boolean;
  readonly steps: (ended: string) => Step[];
}

function endOf(random: Random, orderly: boolean): [End, stays: boolean] {
  const rest = (): Step[] => (random.chance(0.5) ? [] : [{ does: "rests", milliseconds: random.below(6) }]);
  if (orderly || random.chance(0.35)) return [{ quits: true, steps: () => [] }, true];
  if (random.chance(0.45)) {
    const octets = random.pick(["QUIT", "quit", "", "", fragment(random), random.text("x", 2000)]);
    return [
      { quits: random.chance(0.2), steps: () => [{ does: "adds", octets }, ...rest(), { does: "half-closes" }] },
      true,
    ];
  }
  const leaves: Step = { does: random.pick(["closes", "resets", "resets"]) };
  const garbage: Step[] = random.chance(0.2)
    ? [{ does: "adds", octets: random.text(`${OCTETS}\n\n\n`, random.below(500)) }]
    : [];
  return [{ quits: random.chance(0.6), steps: () => [...garbage, ...rest(), leaves] }, false];
}
