/** Requests to a provider, and the end of their time. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { httpFetch } from "../../src/oauth/httpfetch";
import { startHttpService } from "../stage/httpservice";
import { standStill } from "../stage/standstill";

type Options = Parameters<typeof httpFetch>[1];

const optionsOf = (signal: AbortSignal): Options => ({
  method: "POST",
  headers: {},
  body: "grant_type=refresh_token",
  redirect: "manual",
  signal,
});

const BODY = '{"refresh_token":"next"}';
const ANSWER = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;

test("B28: an answer that came while the process stood still is in time: it has the next refresh token", async (t) => {
  const late = new AbortController();
  const { port } = await startHttpService(t, (socket) => {
    socket.write(ANSWER);
    // Node comes to the timer before it comes to the socket of the client.
    setTimeout(() => late.abort(new Error("late")), 1);
    standStill(20);
  });
  const answer = await httpFetch(`http://127.0.0.1:${port}/token`, optionsOf(late.signal));
  assert.equal(await answer.text(), BODY);
});

test("a request without an answer ends with the reason of its end, also inside an answer", async (t) => {
  for (const octets of ["", ANSWER.slice(0, 30), ANSWER.slice(0, -5)]) {
    const late = new AbortController();
    const { port } = await startHttpService(t, (socket) => {
      if (octets) socket.write(octets);
      setTimeout(() => late.abort(new Error("late")), 50);
    });
    await assert.rejects(httpFetch(`http://127.0.0.1:${port}/token`, optionsOf(late.signal)), { message: "late" });
  }
  const gone = AbortSignal.abort(new Error("gone"));
  await assert.rejects(httpFetch("http://127.0.0.1:1/token", optionsOf(gone)), { message: "gone" });
});
