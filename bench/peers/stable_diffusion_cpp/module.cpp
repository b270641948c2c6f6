// One part of Wan 2.1 in stable-diffusion.cpp on given tensors, as `misora module` does it.
//
//   module --part transformer|vae-decode --weights FILE --names FILE --type f32|f16|q8_0|… --attention plain|flash
//          --input FILE --output FILE --threads N --repeat N
//
// The weights are a safetensors file in the layout of diffusers; each line of the names is what diffusers calls a
// tensor and what the Wan team, and so stable-diffusion.cpp, calls it. The loader and the model are the library's own,
// called as its program calls them. Prints one line of JSON: the seconds of each run, without reading the weights, by
// the clock and of all processors together, and the most memory ever used.

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model.h"
#include "model_io/safetensors_io.h"
#include "wan.hpp"

using Tensor = sd::Tensor<float>;
using Options = std::map<std::string, std::string>;

[[noreturn]] static void fail(const std::string& why) {
    fprintf(stderr, "module: %s\n", why.c_str());
    exit(1);
}

static Options parse(int count, char** words) {
    Options options;
    for (int i = 1; i + 1 < count; i += 2) {
        options[std::string(words[i]).substr(2)] = words[i + 1];
    }
    for (const char* name : {"part", "weights", "names", "type", "attention", "input", "output", "threads", "repeat"}) {
        if (options.find(name) == options.end()) {
            fail(std::string("--") + name + " is missing");
        }
    }
    return options;
}

static ggml_type type_named(const std::string& name) {
    for (int type = 0; type < GGML_TYPE_COUNT; type++) {
        const char* known = ggml_type_name(static_cast<ggml_type>(type));
        if (known != nullptr && name == known) {
            return static_cast<ggml_type>(type);
        }
    }
    fail("there is no type " + name);
}

// All tensors of a file of f32, sides from the innermost to the outermost.
static std::map<std::string, Tensor> read_inputs(const std::string& path) {
    std::vector<TensorStorage> stored;
    std::string error;
    if (!read_safetensors_file(path, stored, &error)) {
        fail(error);
    }
    std::ifstream file(path, std::ios::binary);
    std::map<std::string, Tensor> tensors;
    for (const TensorStorage& one : stored) {
        std::vector<int64_t> sides(one.ne, one.ne + one.n_dims);
        if (sides.size() == 4) {
            sides.push_back(1);  // Of five sides the reader makes four; the autoencoder takes four for a picture.
        }
        Tensor tensor(sides);
        file.seekg(one.offset);
        if (one.type != GGML_TYPE_F32 || !file.read(reinterpret_cast<char*>(tensor.data()), one.nbytes())) {
            fail(one.name + " in " + path + " cannot be read as f32");
        }
        tensors[one.name] = std::move(tensor);
    }
    return tensors;
}

static void write_output(const std::string& path, const Tensor& tensor) {
    std::string sides;
    for (auto side = tensor.shape().rbegin(); side != tensor.shape().rend(); ++side) {
        sides += (sides.empty() ? "" : ",") + std::to_string(*side);
    }
    const uint64_t bytes = tensor.numel() * sizeof(float);
    const std::string header = "{\"sample\":{\"dtype\":\"F32\",\"shape\":[" + sides + "],\"data_offsets\":[0," +
                               std::to_string(bytes) + "]}}";
    const uint64_t length = header.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof(length));
    file.write(header.data(), length);
    file.write(reinterpret_cast<const char*>(tensor.data()), bytes);
    if (!file.flush()) {
        fail("cannot write " + path);
    }
}

// What the file holds under the names that the library knows; tensors that are not named are not read.
static void name_weights(ModelLoader& loader, const Options& options) {
    if (!loader.init_from_file(options.at("weights"))) {
        fail("cannot read " + options.at("weights"));
    }
    auto& stored = loader.get_tensor_storage_map();
    String2TensorStorage renamed;
    std::ifstream names(options.at("names"));
    std::string theirs, official;
    while (names >> theirs >> official) {
        if (stored.find(theirs) == stored.end()) {
            fail(theirs + " is not in the weights");
        }
        TensorStorage tensor = stored[theirs];
        tensor.name = official;
        renamed[official] = tensor;
    }
    stored.swap(renamed);
    loader.set_wtype_override(type_named(options.at("type")));
}

template <typename Runner>
static void load(Runner& runner, ModelLoader& loader, int threads) {
    std::map<std::string, ggml_tensor*> tensors;
    if (!runner.alloc_params_buffer()) {
        fail("too little memory for the weights");
    }
    runner.get_param_tensors(tensors, "");
    if (!loader.load_tensors(tensors, {}, threads)) {
        fail("the weights do not fit the model");
    }
}

static void time_runs(const Options& options, const std::function<Tensor()>& run) {
    std::string seconds, processor_seconds;
    for (int left = std::stoi(options.at("repeat")); left > 0; left--) {
        const auto start = std::chrono::steady_clock::now();
        const std::clock_t start_processor = std::clock();
        const Tensor output = run();
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
        const double processor = static_cast<double>(std::clock() - start_processor) / CLOCKS_PER_SEC;
        if (output.empty()) {
            fail("nothing was computed");
        }
        seconds += (seconds.empty() ? "" : ", ") + std::to_string(taken.count());
        processor_seconds += (processor_seconds.empty() ? "" : ", ") + std::to_string(processor);
        if (left == 1) {
            write_output(options.at("output"), output);
        }
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
    const long unit = 1;
#else
    const long unit = 1024;
#endif
    printf("\n{\"seconds\": [%s], \"processor_seconds\": [%s], \"peak_rss_bytes\": %ld}\n", seconds.c_str(),
           processor_seconds.c_str(), usage.ru_maxrss * unit);
}

int main(int count, char** words) {
    const Options options = parse(count, words);
    const int threads = std::stoi(options.at("threads"));
    const bool flash = options.at("attention") == "flash";
    sd_set_log_callback(
        [](sd_log_level_t level, const char* text, void*) {
            if (level >= SD_LOG_WARN) {
                fputs(text, stderr);
            }
        },
        nullptr);
    sd_set_progress_callback([](int, int, float, void*) {}, nullptr);

    auto inputs = read_inputs(options.at("input"));
    ModelLoader loader;
    name_weights(loader, options);
    ggml_backend_t backend = ggml_backend_cpu_init();
    const auto& stored = loader.get_tensor_storage_map();
    if (options.at("part") == "transformer") {
        WAN::WanRunner runner(backend, false, stored, "", VERSION_WAN2);
        runner.set_flash_attention_enabled(flash);
        load(runner, loader, threads);
        time_runs(options, [&] {
            return runner.compute(threads, inputs.at("hidden_states"), inputs.at("timestep"),
                                  inputs.at("encoder_hidden_states"));
        });
    } else if (options.at("part") == "vae-decode") {
        WAN::WanVAERunner runner(backend, false, stored, "", true, VERSION_WAN2);
        runner.set_flash_attention_enabled(flash);
        load(runner, loader, threads);
        time_runs(options, [&] {
            Tensor pixels = runner.decode(threads, inputs.at("latents"), {}, true);
            for (float& value : pixels.values()) {
                value = 2 * value - 1;  // from [0, 1] to [-1, 1], as diffusers has it
            }
            return pixels;
        });
    } else {
        fail("there is no part " + options.at("part"));
    }
    ggml_backend_free(backend);
}
