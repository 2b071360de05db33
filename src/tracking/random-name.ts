/** A name for what nobody named: an adjective, an animal and a number, as `keen-otter-417`. */
const ADJECTIVES =
  'able,bold,brave,bright,calm,clean,clever,crisp,eager,fair,fast,fine,fond,gentle,glad,grand,keen,kind,light,lively,lucky,mellow,merry,neat,noble,placid,polite,proud,quick,quiet,rare,ready,sharp,shy,sincere,smooth,spry,steady,swift,tidy,trusting,upbeat,vivid,warm,wise,witty'.split(
    ',',
  );
const ANIMALS =
  'ant,ape,auk,badger,bat,bear,bee,bird,bug,carp,cat,colt,crab,crane,crow,deer,dove,duck,eel,elk,fawn,finch,fish,fox,frog,gnat,goat,goose,gull,hare,hawk,hen,hog,horse,jay,kit,koi,lamb,lark,lynx,mare,midge,mole,moose,moth,mouse,mule,newt,otter,owl,ox,panda,perch,pig,pug,quail,ram,rat,robin,seal,shad,shark,sheep,shrew,skunk,slug,smelt,snail,snake,snipe,sow,squid,stag,stork,swan,tern,toad,trout,vole,wasp,whale,wolf,worm,wren,yak'.split(
    ',',
  );

/** `random`: from 0 to 1. */
export function randomName(random: () => number): string {
  const one = (words: readonly string[]): string => words[Math.floor(random() * words.length)] ?? '';
  return `${one(ADJECTIVES)}-${one(ANIMALS)}-${Math.floor(random() * 1000)}`;
}
