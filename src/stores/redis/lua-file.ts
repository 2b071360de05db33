/** Lua as files beside the code: `luaFile('write-newest')` is lua/write-newest.lua, read once, with the SHA-1 that Redis knows it by. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface LuaScript {
  readonly text: string;
  readonly sha: string;
}

const scripts = new Map<string, LuaScript>();

/** Without its header: those lines are for people. */
export function luaFile(name: string): LuaScript {
  let script = scripts.get(name);
  if (script === undefined) {
    const lines = readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8').split('\n');
    while (lines[0]?.startsWith('--')) lines.shift();
    const text = lines.join('\n');
    script = { text, sha: createHash('sha1').update(text).digest('hex') };
    scripts.set(name, script);
  }
  return script;
}
