# Third-party libraries, each as one imported target, system headers, found once.
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
set(HDF5_PREFER_PARALLEL FALSE)
find_package(HDF5 REQUIRED COMPONENTS C)

# Header-only libraries: from the system, or from ERWINSCOPE_HEADERS where nothing can be installed.
function(erwin_header_only name header)
  find_path(ERWIN_${name}_DIR ${header} HINTS ${ERWINSCOPE_HEADERS} PATH_SUFFIXES eigen3 REQUIRED)
  add_library(erwin::${name} INTERFACE IMPORTED)
  target_include_directories(erwin::${name} SYSTEM INTERFACE ${ERWIN_${name}_DIR})
endfunction()
erwin_header_only(cli11 CLI/CLI.hpp)
erwin_header_only(eigen unsupported/Eigen/FFT)
target_compile_definitions(erwin::eigen INTERFACE EIGEN_MPL2_ONLY EIGEN_DONT_PARALLELIZE)
erwin_header_only(json nlohmann/json.hpp)
erwin_header_only(nanoflann nanoflann.hpp)
erwin_header_only(toml toml++/toml.h)
target_compile_definitions(erwin::toml INTERFACE TOML_HEADER_ONLY=1)

# LibTorch, straight from its libraries: its own CMake package would need a CUDA toolkit even where we build no CUDA code.
find_library(ERWIN_TORCH_LIBRARY torch_cpu HINTS ${ERWINSCOPE_LIBTORCH}/lib NO_DEFAULT_PATH)
if(NOT ERWIN_TORCH_LIBRARY)
  message(FATAL_ERROR "LibTorch was not found in ERWINSCOPE_LIBTORCH='${ERWINSCOPE_LIBTORCH}'. "
    "Give the folder that holds lib/libtorch_cpu.so, or run packaging/run.sh, which installs it.")
endif()
get_filename_component(ERWIN_TORCH_LIBRARY_DIR ${ERWIN_TORCH_LIBRARY} DIRECTORY)
get_filename_component(ERWIN_TORCH_ROOT ${ERWIN_TORCH_LIBRARY_DIR} DIRECTORY)
add_library(erwin::torch INTERFACE IMPORTED)
target_include_directories(erwin::torch SYSTEM INTERFACE
  ${ERWIN_TORCH_ROOT}/include ${ERWIN_TORCH_ROOT}/include/torch/csrc/api/include)
target_link_directories(erwin::torch INTERFACE ${ERWIN_TORCH_LIBRARY_DIR})
# libtorch_cpu.so exports functions of std::filesystem that differ from this system's; the system's must be found first.
string(APPEND CMAKE_EXE_LINKER_FLAGS " -Wl,--push-state,--no-as-needed -lstdc++ -Wl,--pop-state")
# The CUDA half (a gigabyte, half a second) is loaded by core/model/cuda_backend.cpp, and only where there is a driver.
target_link_libraries(erwin::torch INTERFACE
  ${ERWIN_TORCH_LIBRARY_DIR}/libtorch_cpu.so ${ERWIN_TORCH_LIBRARY_DIR}/libc10.so -Wl,-rpath,${ERWIN_TORCH_LIBRARY_DIR})

if(ERWINSCOPE_CUDA)
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 90-real 80-virtual) # other cards compile the PTX when they first run it
  endif()
  set(CMAKE_CUDA_STANDARD 17)
  enable_language(CUDA)
  # The runtime, from beside the compiler. (CMake 3.25's FindCUDAToolkit stops at the compiler from PyPI, which lacks NVTX.)
  get_filename_component(ERWIN_CUDA_ROOT ${CMAKE_CUDA_COMPILER} REALPATH)
  get_filename_component(ERWIN_CUDA_ROOT ${ERWIN_CUDA_ROOT}/../.. ABSOLUTE)
  find_library(ERWIN_CUDART_LIBRARY cudart NO_DEFAULT_PATH REQUIRED
    HINTS ${ERWIN_CUDA_ROOT}/lib64 ${ERWIN_CUDA_ROOT}/lib ${ERWIN_CUDA_ROOT}/targets/x86_64-linux/lib)
  add_library(erwin::cudart INTERFACE IMPORTED)
  target_include_directories(erwin::cudart SYSTEM INTERFACE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
  get_filename_component(ERWIN_CUDART_DIR ${ERWIN_CUDART_LIBRARY} DIRECTORY)
  target_link_libraries(erwin::cudart INTERFACE ${ERWIN_CUDART_LIBRARY} -Wl,-rpath,${ERWIN_CUDART_DIR})
endif()

if(ERWINSCOPE_UI)
  find_package(Qt6 6.4 REQUIRED COMPONENTS Core Gui Widgets OpenGL OpenGLWidgets Test)
  find_package(VTK 9.1 REQUIRED COMPONENTS
    CommonCore CommonDataModel CommonExecutionModel CommonColor CommonMath
    FiltersCore FiltersSources FiltersGeneral IOXML IOLegacy IOHDF IOImage
    InteractionStyle RenderingCore RenderingUI RenderingAnnotation RenderingFreeType RenderingOpenGL2)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(imgui REQUIRED IMPORTED_TARGET imgui)
  find_library(ERWIN_EGL_LIBRARY EGL REQUIRED)
endif()

if(ERWINSCOPE_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
