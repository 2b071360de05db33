/** Sources that are the log of an endpoint's predictions, for every offline store: its own tables of them and what waits to be there. */
import type { PredictionMoveStore } from '../stores/control/prediction-moves.ts';
import type { OfflineStore } from '../stores/offline.ts';

export function withPredictionSources(store: OfflineStore, moves: () => Promise<PredictionMoveStore>): OfflineStore {
  return {
    ...store,
    describe: async (source, root, inputs) => {
      if (source.predictions === undefined) return store.describe(source, root, inputs);
      const { predictionColumns } = await import('../serving/prediction-table.ts');
      return predictionColumns();
    },
    snapshot: async (request, signal) => {
      const { source, lastDigest } = request;
      if (source.predictions === undefined) return store.snapshot(request, signal);
      const { predictionsAsTable } = await import('../serving/move-predictions.ts');
      return predictionsAsTable(
        { store: await moves(), offline: store },
        { source: source.name, endpoint: source.predictions, lastDigest },
        signal,
      );
    },
  };
}
