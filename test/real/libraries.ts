/** The POP3 libraries of Python and Perl, each in a script that fetches a whole maildrop. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { program, run } from "./programs";
import { folder, scratch } from "./scratch";
import { password, user } from "./server";

/** A program and its options. */
export type Script = readonly [string, ...string[]];

/** Without its limit of 2 KB for a line. Lines come without their ends. @param login in Python */
export function poplib(login = "pop.user(user); pop.pass_(password)"): Script {
  return [
    "python3",
    "-c",
    `
import poplib, sys
poplib._MAXLINE = 1 << 24
port, user, password, inbox, remove = sys.argv[1:]
pop = poplib.POP3("127.0.0.1", int(port), timeout=300)
${login}
count, size = pop.stat()
assert len(pop.list()[1]) == count and len(pop.uidl()[1]) == count
assert pop.list(1).split()[1] == b"1" and pop.uidl(1).split()[1] == b"1"
for number in range(1, count + 1):
    status, lines, octets = pop.retr(number)
    assert lines[:9] == pop.top(number, 2)[1], number
    with open("%s/%03d" % (inbox, number), "wb") as mail:
        mail.write(b"".join(line + b"\\r\\n" for line in lines))
    if remove == "true":
        pop.dele(number)
pop.noop()
pop.quit()
`,
  ];
}

/** What AUTH needs of Perl. */
export const authenSasl = "/usr/share/perl5/Authen/SASL.pm";

/** Lines come with LF. @param login in Perl, an expression that gives the number of mails */
export function netpop3(login = "$pop->login($user, $password)"): Script {
  return [
    "perl",
    "-e",
    `
use strict; use warnings; use Net::POP3;
my ($port, $user, $password, $inbox, $remove) = @ARGV;
my $pop = Net::POP3->new("127.0.0.1", Port => $port, Timeout => 300) or die "no connection";
my $count = ${login} or die "no login: " . $pop->message;
my ($number_of_mails, $size) = $pop->popstat or die;
die "STAT says $number_of_mails" unless $number_of_mails == $count;
die "LIST" unless keys %{$pop->list} == $count;
die "UIDL" unless keys %{$pop->uidl} == $count;
for my $number (1 .. $count) {
  my $lines = $pop->get($number) or die "RETR: " . $pop->message;
  my $top = $pop->top($number, 2) or die "TOP: " . $pop->message;
  die "TOP differs" unless join("", @$top) eq substr(join("", @$lines), 0, length join("", @$top));
  open my $mail, ">:raw", sprintf("%s/%03d", $inbox, $number) or die;
  print $mail @$lines;
  close $mail or die;
  $pop->delete($number) or die if $remove eq "true";
}
$pop->quit or die "QUIT: " . $pop->message;
`,
  ];
}

/** Runs a script; the mails that it has written, in order. */
export async function fetchBy(t: TestContext, script: Script, port: number, remove: boolean): Promise<Buffer[]> {
  const inbox = join(scratch(t), "inbox");
  folder(inbox);
  const [name, ...options] = script;
  const argv = [...options, String(port), user, password, inbox, String(remove)];
  const outcome = await run(program(name), argv, { cwd: inbox });
  assert.equal(outcome.stderr, "");
  assert.equal(outcome.code, 0);
  const names = readdirSync(inbox).sort();
  return names.map((name) => readFileSync(join(inbox, name)));
}
