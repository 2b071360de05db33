// The titles of the tests of a file, read from its source: those of `it` and `test`, also of `it.each` and `it.runIf`, but none that is skipped.
import { readFileSync } from 'node:fs';
import ts from 'typescript';

export function titlesOf(path: string): ReadonlySet<string> {
  const titles = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && isTest(node.expression)) {
      const title = node.arguments[0];
      if (title !== undefined && ts.isStringLiteralLike(title)) titles.add(title.text);
      if (title !== undefined && ts.isTemplateExpression(title)) titles.add(title.getText().slice(1, -1));
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true));
  return titles;
}

function isTest(callee: ts.Expression): boolean {
  if (ts.isIdentifier(callee)) return callee.text === 'it' || callee.text === 'test';
  if (ts.isPropertyAccessExpression(callee)) {
    return !['skip', 'todo', 'fails'].includes(callee.name.text) && isTest(callee.expression);
  }
  return ts.isCallExpression(callee) && isTest(callee.expression);
}
