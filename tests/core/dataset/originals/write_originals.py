#!/usr/bin/env python3
"""Writes small data sets in exactly the formats of the published originals, with the standard library alone and with
no code of the program's: own checksums, own wire format, own NPY headers.

    write_originals.py cosmology FOLDER     shards of serialised tf.train.Example
    write_originals.py cars FOLDER          the archive of 893 car folders, of which 4 are incomplete
    write_originals.py meshes FOLDER        PLY meshes with NPY pressures

Numbers follow simple rules, so that a test can say what it expects; they are given at each function.
"""

import os
import random
import struct
import sys

# --- TFRecord ---------------------------------------------------------------------------------------------------


def crc32c(data):
    """Bit by bit, from the definition: polynomial 0x1EDC6F41, reflected."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def framed(payload):
    length = struct.pack("<Q", len(payload))
    return length + struct.pack("<I", masked(length)) + payload + struct.pack("<I", masked(payload))


# --- protocol buffers -------------------------------------------------------------------------------------------


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field_bytes(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def field_varint(number, value):
    return varint(number << 3) + varint(value)


def tensor(values, shape, as_list=False):
    """TensorProto: dtype = 1, tensor_shape = 2, version_number = 3, tensor_content = 4, float_val = 5."""
    dims = b"".join(field_bytes(2, field_varint(1, size)) for size in shape)
    raw = struct.pack("<%df" % len(values), *values)
    return field_varint(1, 1) + field_bytes(2, dims) + field_varint(3, 0) + field_bytes(5 if as_list else 4, raw)


def example(features):
    entries = b""
    for name, value in features.items():
        feature = field_bytes(1, field_bytes(1, value))  # bytes_list { value }
        entries += field_bytes(1, field_bytes(1, name.encode()) + field_bytes(2, feature))
    return field_bytes(1, entries)


HALOS = 5
NODE_FEATURES = ["x", "y", "z", "v_x", "v_y", "v_z", "J_x", "J_y", "J_z", "M200c", "Rvir"]


def simulation(number, changed={}):
    """Feature f of halo i in simulation s is 100 f + i + s / 8; Omega_m is 0.25 + s / 64; changed: name -> tensor."""
    features = {}
    for f, name in enumerate(NODE_FEATURES):
        features[name] = tensor([100 * f + i + number / 8 for i in range(HALOS)], [HALOS])
    features["tpcf"] = tensor([0.5] * 24, [24])
    features["Omega_m"] = tensor([0.25 + number / 64], [])
    features["sigma_8"] = tensor([0.75], [], as_list=True)
    features.update(changed)
    return framed(example({name: value for name, value in features.items() if value is not None}))


def write(folder, name, data):
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data)


def cosmology(folder):
    """Simulations 0 to 8 in the order of the shards; 9 and more are odd ones in shards of their own folder."""
    write(folder, "halos_train_1.tfrecord", simulation(0) + simulation(1))
    write(folder, "halos_train_2.tfrecord", simulation(2))
    write(folder, "halos_train_10.tfrecord", simulation(3) + simulation(4))
    write(folder, "halos_val_1.tfrecord", simulation(5))
    write(folder, "halos_test_1.tfrecord", simulation(6) + simulation(7) + simulation(8))
    write(folder, "README.txt", b"not a shard\n")
    odd = os.path.join(folder, "odd")
    os.makedirs(odd)
    shard = [
        # 0: float_val with fewer numbers than the shape: the last one stands for the rest
        {"M200c": tensor([1.5, 2.5], [HALOS], as_list=True)},
        # 1: content that the shape does not fit, in a feature that a network does not ask for
        {"M200c": tensor([1.0, 2.0], [HALOS])},
        # 2: a feature that is not there
        {"v_y": None},
        # 3: features of different lengths
        {"v_x": tensor([1.0, 2.0], [2])},
        # 4: a target that is not a number
        {"v_z": tensor([1.0, 2.0, float("nan"), 4.0, 5.0], [HALOS])},
        # 5: a tensor of whole numbers (DT_INT32 = 3)
        {"x": field_varint(1, 3) + field_bytes(2, field_bytes(2, field_varint(1, HALOS))) + field_bytes(4, bytes(20))},
    ]
    data = b"".join(simulation(9 + number, changed) for number, changed in enumerate(shard))
    data += framed(b"no example at all")
    write(odd, "halos_train_1.tfrecord", data + simulation(16))


# --- cars -------------------------------------------------------------------------------------------------------


def npy(values, shape, descr="<f4"):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (descr, shape)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    code = {"<f4": "f", "<f8": "d"}[descr]
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack(
        "<%d%s" % (len(values), code), *values)


def quads_vtk(points, quads):
    """Legacy VTK, unstructured grid of quads (cell type 9)."""
    text = "# vtk DataFile Version 2.0\nquad mesh\nASCII\nDATASET UNSTRUCTURED_GRID\n"
    text += "POINTS %d float\n" % len(points) + "".join("%g %g %g\n" % point for point in points)
    text += "CELLS %d %d\n" % (len(quads), 5 * len(quads)) + "".join("4 %d %d %d %d\n" % quad for quad in quads)
    return (text + "CELL_TYPES %d\n" % len(quads) + "9\n" * len(quads)).encode()


INCOMPLETE = {100: "quadpress_smpl.vtk", 250: "quadpress_smpl.vtk", 600: "quadpress_smpl.vtk", 892: "press.npy"}


def cars(folder):
    """893 cars in param0 .. param8, numbered in the order of folder and sorted name. Car c: eight vertices at
    (i + c / 1024, i * i, 0.5), of which 2 and 5 belong to no quad; pressure 10 i + c of vertex i."""
    quads = [(0, 1, 3, 4), (4, 3, 6, 7)]
    names = random.Random(1)
    number = 0
    for param in range(9):
        count = 100 if param < 8 else 93
        for name in sorted("%032x" % names.getrandbits(128) for _ in range(count)):
            car = os.path.join(folder, "training_data", "param%d" % param, name)
            os.makedirs(car)
            parts = {
                "quadpress_smpl.vtk": quads_vtk([(i + number / 1024, i * i, 0.5) for i in range(8)], quads),
                "press.npy": npy([10 * i + number for i in range(8)], (8,) if number % 2 else (8, 1)),
                "cd.txt": b"0.3\n",
            }
            for part, data in parts.items():
                if INCOMPLETE.get(number) != part:
                    write(car, part, data)
            number += 1
    write(folder, ".DS_Store", b"")


SURPLUS = range(16, 112)


def meshes(folder):
    """Three cars as PLY of 120 vertices at (i, c, 0) and pressures i + c, of which car 1's and 12's file has 96 surplus
    entries (-1) at 16 .. 111, and car 2's none. train.txt names 2 and 1, test.txt 12."""
    data = os.path.join(folder, "data")
    os.makedirs(data)
    vertices = 120
    for car in (1, 2, 12):
        header = ("ply\nformat binary_little_endian 1.0\nelement vertex %d\nproperty float x\nproperty float y\n"
                  "property float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n" % vertices)
        body = b"".join(struct.pack("<3f", i, car, 0) for i in range(vertices)) + struct.pack("<B3i", 3, 0, 1, 2)
        write(data, "mesh_%03d.ply" % car, header.encode() + body)
        pressures = [float(i + car) for i in range(vertices)]
        if car != 2:
            pressures = pressures[:16] + [-1.0] * len(SURPLUS) + pressures[16:]
        write(data, "press_%03d.npy" % car, npy(pressures, (len(pressures),), "<f8"))
    write(folder, "train.txt", b"002,001")
    write(folder, "test.txt", b"12\n")


if __name__ == "__main__":
    kinds = {"cosmology": cosmology, "cars": cars, "meshes": meshes}
    if len(sys.argv) != 3 or sys.argv[1] not in kinds:
        sys.exit(__doc__)
    os.makedirs(sys.argv[2], exist_ok=True)
    kinds[sys.argv[1]](sys.argv[2])
