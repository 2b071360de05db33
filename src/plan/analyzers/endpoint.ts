/** Endpoints: names that other programs ask for predictions. */
import { type Analyzer, finding, SAFE } from './analyzer.ts';

export const analyzeEndpoint: Analyzer<'endpoint'> = ({ address, before, after, desired }) => {
  if (before === undefined) return SAFE;
  if (after === undefined) {
    return {
      class: 'breaking',
      findings: [
        finding('EP101', 'warning', undefined, {
          detail: `${address} stops answering: whoever asks it for predictions gets 404. Logged predictions stay.`,
          fix: 'put `protect: true` on an endpoint that must not be destroyed',
        }),
      ],
    };
  }
  if (before.key === after.key) return SAFE;
  return {
    class: 'breaking',
    findings: [
      finding('EP102', 'warning', desired, {
        detail: `${address} is asked by ${after.key} instead of ${before.key}. Requests without it are refused, and which variant answers is drawn anew.`,
        pointer: '/key',
      }),
    ],
  };
};
