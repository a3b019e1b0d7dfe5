// How a benchmark program ends early: with a sentence.
#pragma once

#include <exception>
#include <iostream>

namespace mdd::bench {

// The exit code: what `run` returns, or 1 after an exception, told on stderr as `program`'s.
template <typename Run>
int main_of(const char* program, Run run) {
    try {
        return run();
    } catch (const std::exception& error) {
        std::cerr << program << ": " << error.what() << '\n';
        return 1;
    }
}

}  // namespace mdd::bench
