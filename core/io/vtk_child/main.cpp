// erwinscope-vtk-reader KIND FILE MEMORY_BYTES CPU_SECONDS: parses one file with VTK and writes its points, cells and
// fields to standard output (core/io/internal/vtk_wire.h). Started by read_vtk(); everything it does may go wrong.

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <vtkCellData.h>
#include <vtkDataArray.h>
#include <vtkDataSet.h>
#include <vtkGenericDataObjectReader.h>
#include <vtkHDFReader.h>
#include <vtkInformation.h>
#include <vtkInformationStringKey.h>
#include <vtkLogger.h>
#include <vtkNew.h>
#include <vtkObjectFactory.h>
#include <vtkOutputWindow.h>
#include <vtkPointData.h>
#include <vtkPointSet.h>
#include <vtkPoints.h>
#include <vtkPolyData.h>
#include <vtkSmartPointer.h>
#include <vtkUnstructuredGrid.h>
#include <vtkXMLPolyDataReader.h>
#include <vtkXMLUnstructuredGridReader.h>

#include "core/io/internal/vtk_wire.h"
#include "core/io/vtk_child/surface.h"

namespace erwin::io {

namespace {

// Keeps VTK's first complaint; any complaint means that the file is not whole.
class Complaints : public vtkOutputWindow {
public:
  static Complaints* New();
  vtkTypeMacro(Complaints, vtkOutputWindow) void DisplayErrorText(const char* text) override { keep(text); }
  void DisplayText(const char*) override {}
  void DisplayWarningText(const char*) override {}
  // The legacy reader says "Error reading ascii data" as a warning.
  void DisplayGenericWarningText(const char* text) override {
    if (std::strstr(text, "Error")) keep(text);
  }
  std::string first;

private:
  void keep(const char* text) {
    if (!first.empty()) return;
    // "ERROR: In file, line n\nclass (address): what" - only the last part concerns the reader's user.
    std::string whole(text);
    const std::size_t at = whole.find("): ");
    first = at == std::string::npos ? whole : whole.substr(at + 3);
    for (char& c : first)
      if (c == '\n') c = ' ';
    while (!first.empty() && first.back() == ' ') first.pop_back();
  }
};
vtkStandardNewMacro(Complaints)

    class Wire {
public:
  explicit Wire(int file) : file_(file) {}

  void bytes(const void* data, std::size_t count) {
    const char* at = static_cast<const char*>(data);
    while (count > 0) {
      const ssize_t done = ::write(file_, at, count);
      if (done <= 0) std::_Exit(1);  // the parent has gone
      at += done;
      count -= static_cast<std::size_t>(done);
    }
  }
  template <typename T>
  void number(T value) {
    bytes(&value, sizeof value);
  }
  void text(const std::string& value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes(value.data(), value.size());
  }
  template <typename T>
  void array(char tag, const std::string& name, const std::string& unit, char element, std::uint32_t components,
             const std::vector<T>& values) {
    number(tag);
    text(name);
    text(unit);
    number(element);
    number(components);
    number(static_cast<std::uint64_t>(values.size()));
    bytes(values.data(), values.size() * sizeof(T));
  }

private:
  int file_;
};

vtkSmartPointer<vtkDataSet> parse(const std::string& kind, const char* path) {
  if (kind == "vtp") {
    vtkNew<vtkXMLPolyDataReader> reader;
    reader->SetFileName(path);
    reader->Update();
    return static_cast<vtkDataSet*>(reader->GetOutput());
  }
  if (kind == "vtu") {
    vtkNew<vtkXMLUnstructuredGridReader> reader;
    reader->SetFileName(path);
    reader->Update();
    return static_cast<vtkDataSet*>(reader->GetOutput());
  }
  if (kind == "hdf") {
    vtkNew<vtkHDFReader> reader;
    if (!reader->CanReadFile(path)) throw std::runtime_error("not a VTKHDF file that this VTK can read");
    reader->SetFileName(path);
    reader->Update();
    return vtkDataSet::SafeDownCast(reader->GetOutputDataObject(0));
  }
  vtkNew<vtkGenericDataObjectReader> reader;
  reader->SetFileName(path);
  reader->ReadAllScalarsOn();
  reader->ReadAllVectorsOn();
  reader->ReadAllFieldsOn();
  reader->Update();
  return vtkDataSet::SafeDownCast(reader->GetOutput());
}

template <typename T>
std::vector<T> values_of(vtkDataArray* array) {
  std::vector<T> values(static_cast<std::size_t>(array->GetNumberOfValues()));
  const int components = array->GetNumberOfComponents();
  std::size_t at = 0;
  for (vtkIdType tuple = 0; tuple < array->GetNumberOfTuples(); ++tuple)
    for (int c = 0; c < components; ++c) values[at++] = static_cast<T>(array->GetComponent(tuple, c));
  return values;
}

void send_array(Wire& wire, char tag, const std::string& name, vtkDataArray* array) {
  const auto components = static_cast<std::uint32_t>(array->GetNumberOfComponents());
  std::string unit;
  if (array->HasInformation() && array->GetInformation()->Has(vtkDataArray::UNITS_LABEL()))
    unit = array->GetInformation()->Get(vtkDataArray::UNITS_LABEL());
  const int type = array->GetDataType();
  if (type == VTK_FLOAT)
    wire.array(tag, name, unit, wire_float32, components, values_of<float>(array));
  else if (type == VTK_DOUBLE)
    wire.array(tag, name, unit, wire_float64, components, values_of<double>(array));
  else
    wire.array(tag, name, unit, wire_int64, components, values_of<std::int64_t>(array));
}

void send_points(Wire& wire, vtkDataSet* data) {
  if (auto* set = vtkPointSet::SafeDownCast(data)) {
    if (set->GetPoints()) send_array(wire, 'P', "", set->GetPoints()->GetData());
    return;
  }
  std::vector<double> positions(3 * static_cast<std::size_t>(data->GetNumberOfPoints()));
  for (vtkIdType point = 0; point < data->GetNumberOfPoints(); ++point)
    data->GetPoint(point, positions.data() + 3 * static_cast<std::size_t>(point));
  wire.array('P', "", "", wire_float64, 3, positions);
}

void remark(Wire& wire, const std::string& sentence) {
  wire.number('R');
  wire.text(sentence);
}

void send_fields(Wire& wire, vtkDataSet* data) {
  vtkPointData* fields = data->GetPointData();
  for (int i = 0; i < fields->GetNumberOfArrays(); ++i) {
    vtkDataArray* array = fields->GetArray(i);
    const char* name = fields->GetAbstractArray(i)->GetName();
    const std::string shown = name ? name : "";
    if (!array || array->GetNumberOfTuples() != data->GetNumberOfPoints())
      remark(wire, "The array '" + shown + "' does not hold one number or vector per point and was not read.");
    else if (shown != "vtkGhostType")
      send_array(wire, 'F', shown, array);
  }
  const int cell_arrays = data->GetCellData()->GetNumberOfArrays();
  if (cell_arrays > 0)
    remark(wire, std::to_string(cell_arrays) + " arrays lie on cells, not on points, and were not read.");
}

void send(Wire& wire, vtkDataSet* data) {
  if (data->GetNumberOfPoints() > std::numeric_limits<std::uint32_t>::max())
    throw std::runtime_error("more than 2^32 points");
  send_points(wire, data);
  send_fields(wire, data);
  const Surface surface = surface_of(data);
  wire.array('T', "", "", wire_uint32, 3, surface.triangles);
  wire.array('Q', "", "", wire_uint32, 4, surface.quads);
  wire.array('L', "", "", wire_uint32, 2, surface.lines);
  for (const std::string& sentence : surface.remarks) remark(wire, sentence);
  wire.number('Z');
}

void limit(decltype(RLIMIT_AS) what, rlim_t value) {
  const rlimit both{value, value};
  if (::setrlimit(what, &both) != 0) std::perror("setrlimit");
}

void set_limits(rlim_t memory, rlim_t seconds) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, seconds);
  limit(RLIMIT_DATA, memory);
}

int run(int out, const char* kind, const char* path) {
  Wire wire(out);
  vtkNew<Complaints> complaints;
  vtkOutputWindow::SetInstance(complaints);
  vtkLogger::SetStderrVerbosity(vtkLogger::VERBOSITY_OFF);
  const auto refuse = [&](const std::string& why, int code) {
    wire.number('E');
    wire.text(why);
    return code;
  };
  wire.bytes(wire_magic, sizeof wire_magic);
  try {
    const vtkSmartPointer<vtkDataSet> data = parse(kind, path);
    if (!complaints->first.empty()) return refuse(complaints->first, wire_exit_format);
    if (!data) return refuse("it holds no data set with points", wire_exit_format);
    send(wire, data);
  } catch (const std::bad_alloc&) {
    return wire_exit_memory;
  } catch (const std::exception& error) {
    return refuse(error.what(), wire_exit_format);
  }
  return 0;
}

}  // namespace

}  // namespace erwin::io

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: erwinscope-vtk-reader vtp|vtu|vtk|hdf FILE MEMORY_BYTES CPU_SECONDS\n", stderr);
    return 2;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // VTK prints to standard output here and there; the wire keeps the pipe for itself.
  const int out = ::dup(STDOUT_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  erwin::io::set_limits(std::strtoull(argv[3], nullptr, 10), std::strtoull(argv[4], nullptr, 10));
  const int code = erwin::io::run(out, argv[1], argv[2]);
  // No destructors: the parent is waiting, and a broken file may have left broken objects.
  std::_Exit(code);
}
