// Validates an AsyncAPI document. Arguments: the folder with the package of the parser, and the document.
// Errors and warnings of the parser fail; hints, such as that a later version of AsyncAPI exists, are ignored.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const [folder, path] = process.argv.slice(2);
const { Parser } = createRequire(resolve(folder, 'package.json'))('@asyncapi/parser');

const WARNING = 1;
const { document, diagnostics } = await new Parser().parse(readFileSync(path, 'utf8'));
const faults = diagnostics.filter(({ severity }) => severity <= WARNING);
for (const { path: place, message, code } of faults) {
  console.error(`${path}: ${place.join('.')}: ${message} (${code})`);
}
if (faults.length > 0 || document === undefined) {
  console.error(`${path} is no valid AsyncAPI document`);
  process.exit(1);
}
const count = document.allMessages().length;
if (count === 0) {
  console.error(`${path} has no messages`);
  process.exit(1);
}
console.error(`asyncapi: ${path} is valid, with ${count} messages and ${document.allOperations().length} operations`);
