// Reads an AsyncAPI document with the official parser; exit code 1 for a document with errors.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const ERROR = 0;
const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
for (const found of diagnostics.filter(one => one.severity === ERROR)) {
  console.log(found.code, found.path.join("/"), found.message);
}
if (!document) process.exit(1);
console.log("channels", document.channels().all().length);
