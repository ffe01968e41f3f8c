/** auth_http services under TLS: whose certificates are believed, and since when. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { AuthHttp } from "../../src/access/authhttp";
import { Requests } from "../../src/access/requests";
import { authority, certified, fileOf, lacking, otherAuthority } from "../stage/certificates";
import { about, GRANTED, patient, route, shown, TEMP } from "./authlogin";

test("the authorities of the system are those of the last reload", { skip: lacking }, async (t) => {
  const { cert, key } = certified("ec");
  const server = createServer({ cert, key }, (_, response) => response.setHeader("Auth-Status", "OK").end());
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  const bundle = fileOf("bundle.pem", "");
  copyFileSync(otherAuthority(), bundle);
  process.env.SSL_CERT_FILE = bundle;
  const requests = new Requests();
  t.after(() => requests.close());
  const port = (server.address() as AddressInfo).port;
  const settings = { secure: true, host: "localhost", port, path: "/auth", timeout: 30_000, headers: [] };
  // As each reload makes it.
  const made = () => new AuthHttp(settings, "none", { requests }, () => {});
  const old = made();
  assert.equal(shown(await old.admit(route, about, patient)), TEMP);
  copyFileSync(authority(), bundle);
  assert.equal(shown(await made().admit(route, about, patient)), GRANTED);
  assert.equal(shown(await made().admit(route, about, patient)), GRANTED);
});
