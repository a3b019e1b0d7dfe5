// How far apart two cores are, which the machine's owner decides: what one has written costs the
// other that much to read.
#pragma once

namespace mdd::bench {

// TSC cycles from one core's writing a word until the other has read it: half a round trip between
// the calling thread and EAL's first worker, which runs nothing else.
double cycles_between_cores();

}  // namespace mdd::bench
