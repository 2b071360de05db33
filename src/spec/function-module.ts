/**
 * A function of the config as a module of its own: its code, and of the file around it the imports and declarations that it
 * needs, and those that they need. So an edit elsewhere in the file is no change of the function.
 */
import type { Node } from '@babel/types';
import { childNodes, parseJavascript, visitNodes } from './javascript-syntax.ts';
import type { ExpressionAt } from './locator.ts';
import { withoutMargin } from './margin.ts';

export interface FunctionModule {
  readonly text: string;
  /** Names that it takes from a function around it: they have no value in a module. */
  readonly captured: readonly string[];
}

/** What the module exports. */
export const FUNCTION_EXPORT = 'run';

/** Undefined where the file does not parse. */
export function functionModule(file: string, at: ExpressionAt): FunctionModule | undefined {
  const program = parseJavascript(file, at.path);
  if (program === undefined) return undefined;
  const expression = nodeAt(program, at);
  if (expression === undefined) return undefined;
  const needed = new Set(namesIn(expression));
  const taken = new Set<Node>();
  for (let grew = true; grew; ) {
    grew = false;
    for (const statement of program.body) {
      if (taken.has(statement) || !isKept(statement, needed)) continue;
      taken.add(statement);
      grew = true;
      // An import is cut down to what is needed of it.
      if (statement.type !== 'ImportDeclaration') for (const name of namesIn(statement)) needed.add(name);
    }
  }
  const parts = program.body.filter((statement) => taken.has(statement)).map((one) => written(one, needed, file));
  const code = withoutMargin(file.slice(at.start, at.end));
  const value = at.isMethod ? `({\n  ${code.replaceAll('\n', '\n  ')},\n}).run` : code;
  const imports = parts.filter((part) => part.startsWith('import '));
  const declarations = parts.filter((part) => !part.startsWith('import '));
  return {
    text: `${[...(imports.length > 0 ? [imports.join('\n')] : []), ...declarations, `export const ${FUNCTION_EXPORT} = ${value};`].join('\n\n')}\n`,
    captured: capturedBy(program, expression, needed),
  };
}

function nodeAt(program: Node, { start, end, isMethod }: ExpressionAt): Node | undefined {
  let found: Node | undefined;
  visitNodes(program, (node) => {
    if (node.start === start && node.end === end && (node.type === 'ObjectMethod') === isMethod) found ??= node;
  });
  return found;
}

/** Names that stand for a value in it, also those that it declares itself: too many are no harm. */
function namesIn(node: Node): string[] {
  const names: string[] = [];
  const visit = (at: Node): void => {
    if (at.type === 'Identifier' || at.type === 'JSXIdentifier') names.push(at.name);
    for (const child of childNodes(at)) if (!isMerelyNamed(at, child)) visit(child);
  };
  visit(node);
  return names;
}

/** `b` in `a.b`, in `{ b: … }`, in `b() { … }` of an object or a class. */
function isMerelyNamed(parent: Node, child: Node): boolean {
  switch (parent.type) {
    case 'MemberExpression':
    case 'OptionalMemberExpression':
      return parent.property === child && !parent.computed;
    case 'ObjectProperty':
    case 'ObjectMethod':
    case 'ClassMethod':
    case 'ClassProperty':
      return parent.key === child && !parent.computed && !(parent.type === 'ObjectProperty' && parent.shorthand);
    default:
      return false;
  }
}

function isKept(statement: Node, needed: ReadonlySet<string>): boolean {
  switch (statement.type) {
    case 'ImportDeclaration':
      if (statement.importKind === 'type') return false;
      return statement.specifiers.length === 0 || statement.specifiers.some(({ local }) => needed.has(local.name));
    case 'ExportNamedDeclaration':
      return statement.declaration != null && isKept(statement.declaration, needed);
    case 'VariableDeclaration':
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
    case 'TSEnumDeclaration':
      return declaredBy(statement).some((name) => needed.has(name));
    default:
      return false;
  }
}

function written(statement: Node, needed: ReadonlySet<string>, file: string): string {
  const textOf = ({ start, end }: Node): string => file.slice(start ?? 0, end ?? 0);
  if (statement.type !== 'ImportDeclaration' || statement.specifiers.length === 0) return textOf(statement);
  const kept = statement.specifiers.filter(({ local }) => needed.has(local.name));
  const named = kept.flatMap((one) => (one.type === 'ImportSpecifier' ? [textOf(one)] : []));
  const others = kept.flatMap((one) => (one.type === 'ImportSpecifier' ? [] : [textOf(one)]));
  const clause = [...others, ...(named.length > 0 ? [`{ ${named.join(', ')} }`] : [])].join(', ');
  const { source } = statement;
  return `import ${clause} from ${textOf(source)}${file.slice(source.end ?? 0, statement.end ?? 0).replace(/;?\s*$/, ';')}`;
}

/** The names that a declaration binds. */
function declaredBy(node: Node): string[] {
  switch (node.type) {
    case 'VariableDeclaration':
      return node.declarations.flatMap(({ id }) => namesOfPattern(id));
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
    case 'TSEnumDeclaration':
      return node.id?.type === 'Identifier' ? [node.id.name] : [];
    default:
      return [];
  }
}

function namesOfPattern(pattern: Node): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((one) => namesOfPattern(one.type === 'RestElement' ? one.argument : one.value));
    case 'ArrayPattern':
      return pattern.elements.flatMap((element) => (element === null ? [] : namesOfPattern(element)));
    case 'AssignmentPattern':
      return namesOfPattern(pattern.left);
    case 'RestElement':
      return namesOfPattern(pattern.argument);
    default:
      return [];
  }
}

type AnyFunction = Extract<Node, { params: unknown }>;

const isFunction = (node: Node): node is AnyFunction => 'params' in node && 'body' in node;

/** Names bound by functions and blocks around the expression, which it uses and does not bind itself. */
function capturedBy(program: Node, expression: Node, needed: ReadonlySet<string>): string[] {
  const around: Node[] = [];
  const find = (node: Node): boolean => {
    if (node === expression) return true;
    return childNodes(node).some((child) => find(child) && around.push(node) > 0);
  };
  find(program);
  const outer = new Set<string>();
  for (const node of around) {
    if (node === program) continue;
    if (isFunction(node))
      for (const param of node.params as Node[]) for (const name of namesOfPattern(param)) outer.add(name);
    if (node.type === 'BlockStatement')
      for (const one of node.body) for (const name of declaredBy(one)) outer.add(name);
    if (node.type === 'ForOfStatement' || node.type === 'ForInStatement')
      for (const name of declaredBy(node.left)) outer.add(name);
    if (node.type === 'ForStatement' && node.init != null) for (const name of declaredBy(node.init)) outer.add(name);
  }
  const own = new Set<string>();
  visitNodes(expression, (node) => {
    if (isFunction(node))
      for (const param of node.params as Node[]) for (const name of namesOfPattern(param)) own.add(name);
    for (const name of declaredBy(node)) own.add(name);
  });
  const used = new Set(namesIn(expression));
  return [...outer].filter((name) => used.has(name) && needed.has(name) && !own.has(name)).sort();
}
