/** An argument of a command. It is never read from standard input: what is piped there answers a question, or is no concern of ours. */
import { custom } from '@oclif/core/args';

export const word = custom<string>({ parse: async (input) => input, ignoreStdin: true });
