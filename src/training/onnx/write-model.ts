/**
 * A fitted model as an ONNX file. One input `features`, float32 [N, F], NaN where a value is missing. A binary classifier
 * answers `label` (int64 [N]) and `probabilities` (float32 [N, 2]); a regression answers `prediction` (float32 [N, 1]).
 */
import type { FittedModel } from '../fitted-model.ts';
import type { Tree } from '../trees/tree.ts';
import {
  attribute,
  ELEMENT,
  encodeModel,
  floatTensor,
  int64Tensor,
  ML_DOMAIN,
  type Node,
  tensorInfo,
} from './graph.ts';

export const INPUT_NAME = 'features';

interface Part {
  readonly nodes: readonly Node[];
  readonly initializers: readonly object[];
}

export async function writeOnnx(model: FittedModel, features: readonly string[]): Promise<Uint8Array> {
  const body = model.kind === 'trees' ? treesPart(model) : logisticPart(model);
  const head = model.task === 'binary_classification' ? classificationPart() : { nodes: [], initializers: [] };
  const output =
    model.task === 'binary_classification'
      ? [tensorInfo('label', ELEMENT.int64, ['N']), tensorInfo('probabilities', ELEMENT.float, ['N', 2])]
      : [tensorInfo('prediction', ELEMENT.float, ['N', 1])];
  return encodeModel(
    {
      name: 'mlops',
      node: [...body.nodes, ...head.nodes],
      initializer: [...body.initializers, ...head.initializers],
      input: [tensorInfo(INPUT_NAME, ELEMENT.float, ['N', model.columns])],
      output,
    },
    { features: JSON.stringify(features) },
  );
}

/** Leaves `positive` ([N, 1], the probability of label 1) or `prediction`. */
function treesPart(model: Extract<FittedModel, { kind: 'trees' }>): Part {
  const { ensemble, link } = model;
  const result = model.task === 'regression' ? 'prediction' : 'positive';
  const ensembleNode: Node = {
    opType: 'TreeEnsembleRegressor',
    domain: ML_DOMAIN,
    input: [INPUT_NAME],
    output: [link === 'identity' ? result : 'raw'],
    attribute: treeAttributes(ensemble.trees, ensemble.base, ensemble.aggregate),
  };
  if (link === 'identity') return { nodes: [ensembleNode], initializers: [] };
  if (link === 'sigmoid')
    return { nodes: [ensembleNode, { opType: 'Sigmoid', input: ['raw'], output: [result] }], initializers: [] };
  return {
    nodes: [ensembleNode, { opType: 'Clip', input: ['raw', 'zero', 'one'], output: [result] }],
    initializers: [floatTensor('zero', [], [0])],
  };
}

/** https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleRegressor.html, version 3. */
function treeAttributes(trees: readonly Tree[], base: number, aggregate: 'sum' | 'average'): readonly object[] {
  const treeIds: number[] = [];
  const nodeIds: number[] = [];
  const featureIds: number[] = [];
  const values: number[] = [];
  const modes: string[] = [];
  const trueIds: number[] = [];
  const falseIds: number[] = [];
  const missingTrue: number[] = [];
  const leafTrees: number[] = [];
  const leafNodes: number[] = [];
  const leafWeights: number[] = [];
  trees.forEach((tree, treeId) => {
    for (let node = 0; node < tree.feature.length; node += 1) {
      const leaf = tree.feature[node]! < 0;
      treeIds.push(treeId);
      nodeIds.push(node);
      featureIds.push(leaf ? 0 : tree.feature[node]!);
      values.push(leaf ? 0 : tree.threshold[node]!);
      modes.push(leaf ? 'LEAF' : 'BRANCH_LEQ');
      trueIds.push(tree.left[node]!);
      falseIds.push(tree.right[node]!);
      missingTrue.push(tree.missingLeft[node]!);
      if (leaf) {
        leafTrees.push(treeId);
        leafNodes.push(node);
        leafWeights.push(tree.value[node]!);
      }
    }
  });
  return [
    attribute.ints('nodes_treeids', treeIds),
    attribute.ints('nodes_nodeids', nodeIds),
    attribute.ints('nodes_featureids', featureIds),
    attribute.floats('nodes_values', values),
    attribute.strings('nodes_modes', modes),
    attribute.ints('nodes_truenodeids', trueIds),
    attribute.ints('nodes_falsenodeids', falseIds),
    attribute.ints('nodes_missing_value_tracks_true', missingTrue),
    attribute.ints('target_treeids', leafTrees),
    attribute.ints('target_nodeids', leafNodes),
    attribute.ints(
      'target_ids',
      leafTrees.map(() => 0),
    ),
    attribute.floats('target_weights', leafWeights),
    attribute.floats('base_values', [base]),
    attribute.int('n_targets', 1),
    attribute.string('aggregate_function', aggregate === 'sum' ? 'SUM' : 'AVERAGE'),
    attribute.string('post_transform', 'NONE'),
  ];
}

/** Centred before the product: a feature with a large mean would lose its digits in float32 otherwise. */
function logisticPart(model: Extract<FittedModel, { kind: 'logistic' }>): Part {
  return {
    nodes: [
      { opType: 'IsNaN', input: [INPUT_NAME], output: ['missing'] },
      { opType: 'Where', input: ['missing', 'medians', INPUT_NAME], output: ['filled'] },
      { opType: 'Sub', input: ['filled', 'means'], output: ['centred'] },
      { opType: 'MatMul', input: ['centred', 'weights'], output: ['weighted'] },
      { opType: 'Add', input: ['weighted', 'intercept'], output: ['raw'] },
      { opType: 'Sigmoid', input: ['raw'], output: ['positive'] },
    ],
    initializers: [
      floatTensor('medians', [model.columns], model.medians),
      floatTensor('means', [model.columns], model.means),
      floatTensor('weights', [model.columns, 1], model.weights),
      floatTensor('intercept', [1], [model.intercept]),
    ],
  };
}

/** From `positive` to the two outputs. The label is 1 from a probability of 0.5 on. */
function classificationPart(): Part {
  return {
    nodes: [
      { opType: 'Sub', input: ['one', 'positive'], output: ['negative'] },
      {
        opType: 'Concat',
        input: ['negative', 'positive'],
        output: ['probabilities'],
        attribute: [attribute.int('axis', 1)],
      },
      { opType: 'GreaterOrEqual', input: ['positive', 'half'], output: ['is_positive'] },
      {
        opType: 'Cast',
        input: ['is_positive'],
        output: ['label_column'],
        attribute: [attribute.int('to', ELEMENT.int64)],
      },
      { opType: 'Reshape', input: ['label_column', 'flat'], output: ['label'] },
    ],
    initializers: [floatTensor('one', [], [1]), floatTensor('half', [], [0.5]), int64Tensor('flat', [1], [-1])],
  };
}
