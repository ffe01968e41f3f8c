/** What a server of a play does instead of an answer. */

import { bodyOf, capabilitiesOf, listOf } from "./bodies";
import type { Server } from "./server";

const GARBAGE = [
  "+ok",
  "HTTP/1.1 400 Bad Request",
  "220 smtp",
  "* OK",
  "+ challenge",
  "\0\0\0",
  "+O",
  "-ER",
  " +OK",
  "ok",
  ".",
];

/** @returns whether that was all of the answer */
export async function misdeed(server: Server, verb: string): Promise<boolean> {
  const { random } = server;
  server.dirty();
  const say = (text: string, whole = false) => server.write(text, whole);
  const end = server.end;
  const many = ["RETR", "TOP"].includes(verb);
  const body = () => bodyOf(random, end, random.pick(["plain", "fakes", "stored"]));
  const leave = () => server.do(random.pick(["half-closes", "half-closes", "resets", "closes"]));
  const deeds: (() => Promise<void> | void)[] = [
    leave,
    async () => {
      await server.journal.rest("server", random.below(10));
      leave();
    },
    () => say(random.pick(GARBAGE) + end),
    () => say(`+OK${"x".repeat(random.pick([4090, 4095, 5000, 200_000]))}${end}`),
    () => say(Array.from({ length: 9 + random.below(3) }, () => end).join("")),
    () => say(`+OK one${end}+OK two${end}`, random.chance(0.5)),
    () => say(`+OK one${end}${random.pick(GARBAGE)}`),
    () => say(`-ERR one${end}.${end}.${end}`),
    () => say(`+OK 1 ${server.echo}${end}${listOf(random, end)}`),
    () => say(`${server.echo}${end}`),
    async () => {
      const { echo } = server;
      await say(`${random.pick(["-ERR", "+OK", "what is"])} ${echo.slice(0, random.below(echo.length + 1))}`);
      leave();
    },
    async () => {
      await say(random.pick(["+OK half", "-ERR half", "+", "x", `-ERR ${server.echo}`]));
      if (random.chance(0.8)) leave();
    },
    // It says nothing, and leaves only when it is asked again, or never.
    () => {},
  ];
  const inMails: (() => Promise<void> | void)[] = [
    async () => {
      const all = `+OK${end}${body()}`;
      await say(all.slice(0, random.below(all.length)));
      leave();
    },
    async () => {
      await say(`+OK${end}Subject: x${end}`);
      await server.journal.rest("server", random.below(10));
      await say(body());
    },
    () => say(`+OK${end}${body()}`),
    () => say(`+OK\r\nx\ny\n.\n`),
    () => say(`+OK\nx\r\ny\r\n.\r\n`),
    () => say(`+OK${end}${body()}${body()}`),
    async () => {
      await say(`+OK${end}x\n.\r\n`, true);
      await server.journal.rest("server", 1 + random.below(4));
      await say(`-ERR no${end}.${end}`);
    },
  ];
  const inCapa = [
    () => say(`+OK${end}${"x".repeat(600)}${end}.${end}`),
    () => say(`+OK${end}${`x${end}`.repeat(101)}.${end}`),
    () => say(`+OK${end}${capabilitiesOf(random, end, true)}`),
  ];
  const inStls = [() => say("+OK\r\n+OK\r\n", true), () => say("-ERR\r\n"), () => say("+OK\r\nUSER x\r\n", true)];
  await random.pick([
    ...deeds,
    ...(many ? [...inMails, ...inMails] : []),
    ...(verb === "CAPA" ? inCapa : []),
    ...(verb === "STLS" ? inStls : []),
  ])();
  return true;
}
