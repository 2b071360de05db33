/** `group by` and `order by`: keys that are expressions, places in the select list, or everything. */
import { depsIn } from './expression.ts';
import { type Deps, everyColumn, NONE, type Output, type Scope, type Star, union } from './relation.ts';
import { isEmpty, isNode, kindOf, nameIn, nodesOf, only, untold } from './tree.ts';

const GROUPING = new Set(['expressions', 'all', 'trailing_comments', 'leading_comments', 'span']);

export function groupDeps(value: unknown, scope: Scope, projections: readonly unknown[], stars: readonly Star[]): Deps {
  if (isEmpty(value)) return NONE;
  if (!isNode(value)) return untold();
  only(value, GROUPING);
  const listed = Array.isArray(value['expressions']) ? value['expressions'] : [];
  const keys = listed.map((item) => placeOrDeps(item, scope, scope.aliases, stars, projections.length));
  if (value['all'] !== true) return union(...keys);
  // Everything is a key that is no aggregate.
  const grouped = projections.filter((projection) => !isAggregate(projection));
  if (grouped.some((projection) => kindOf(projection)[0] === 'star')) untold();
  return union(...keys, ...grouped.map((projection) => depsIn(projection, scope)));
}

export function orderDeps(value: unknown, scope: Scope, outputs: readonly Output[], stars: readonly Star[]): Deps {
  if (isEmpty(value)) return NONE;
  const items = isNode(value) ? nodesOf(value['expressions']) : untold();
  return union(
    ...items.map((item) => {
      const [kind, node] = kindOf(item['this']);
      const everything = kind === 'column' && isEmpty(node['table']) && nameIn(node['name'])?.toLowerCase() === 'all';
      return everything
        ? everyColumn({ outputs, stars })
        : placeOrDeps(item['this'], scope, outputs, stars, outputs.length);
    }),
  );
}

/** `1` is the first output; inside `rollup(…)` and its like too. */
function placeOrDeps(
  item: unknown,
  scope: Scope,
  outputs: readonly Output[],
  stars: readonly Star[],
  projections: number,
): Deps {
  const [kind, node] = kindOf(item);
  if (kind === 'literal' && node['literal_type'] === 'number') {
    // Behind a `*` nobody knows which it is.
    if (stars.length > 0 || outputs.length !== projections) return everyColumn({ outputs, stars });
    return outputs[Number(node['value']) - 1]?.deps ?? untold();
  }
  const sets =
    kind === 'function' && /^(grouping sets|rollup|cube)$/i.test(nameIn(node) ?? '') ? node['args'] : undefined;
  const members = sets ?? (kind === 'tuple' ? node['expressions'] : undefined);
  if (!Array.isArray(members)) return depsIn(item, scope);
  return union(...members.map((member) => placeOrDeps(member, scope, outputs, stars, projections)));
}

const AGGREGATES =
  /^(count|count_if|countif|count_star|sum|fsum|sumkahan|kahan_sum|avg|mean|favg|min|max|any_value|arbitrary|first|last|string_agg|group_concat|listagg|list|array_agg|median|mode|mad|quantile(_cont|_disc)?|stddev(_pop|_samp)?|var_pop|var_samp|variance|bool_and|bool_or|bit_and|bit_or|bit_xor|arg_max|arg_min|argmax|argmin|max_by|min_by|product|histogram|corr|covar_pop|covar_samp|skewness|kurtosis|entropy|geomean|geometric_mean|approx_count_distinct|approx_quantile)$/i;

/** Holds an aggregate outside of a window. What is not known as one counts as none: it is then a key. */
function isAggregate(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isAggregate);
  if (!isNode(value)) return false;
  return Object.entries(value).some(([key, member]) => {
    if (key === 'window_function' || key === 'subquery' || key === 'select') return false;
    const called = key === 'function' || key === 'aggregate_function' ? (nameIn(member) ?? '') : key;
    return (isNode(member) && AGGREGATES.test(called)) || isAggregate(member);
  });
}
