import assert from "node:assert/strict";
import { test } from "node:test";
import { startDemo } from "../stage/demo";
import { connectGreeted, logInAnew, quit } from "../stage/dialogue";
import { startProcess } from "../stage/process";

test("B6: with -m a client that only looks leaves no line in the log, any other client does", async (t) => {
  const demo = await startDemo(t);
  const gateway = await startProcess(["-m", `127.0.0.1:${demo.port}`], { t });
  for (let count = 0; count < 10; count++) {
    const client = await connectGreeted(gateway.port);
    if (count % 2) await quit(client);
    client.destroy();
  }
  const refused = await connectGreeted(gateway.port);
  assert.match(await refused.ask("XFOO"), /^-ERR/);
  await quit(refused);
  await gateway.logged("close");
  const user = await connectGreeted(gateway.port);
  await logInAnew(user);
  await quit(user);
  await gateway.logged("close", 2);
  const events = gateway.log.filter(({ level }) => level !== "debug").map(({ event }) => event);
  assert.deepEqual(events, ["listen", "unsupported", "close", "close"]);
});

test("B7: the log has the client's port", async (t) => {
  const demo = await startDemo(t);
  const gateway = await startProcess([`127.0.0.1:${demo.port}`], { t });
  const client = await connectGreeted(gateway.port);
  const { fields } = await gateway.logged("connect");
  assert.equal(Number(fields.port), client.socket.localPort);
  assert.equal(fields.client, "127.0.0.1");
  client.destroy();
});
