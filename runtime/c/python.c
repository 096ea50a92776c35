/* The entropy coder as a module of Python, aezip.entropy._coder, in the limited API: bytes in, bytes out. runtime/aezip/entropy/coder.py is its
   only user, checks what goes in, and turns the errors that come out (AEZIP_..., as int) into exceptions. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030A0000
#include <Python.h>

#include "aezip.h"

static const char TABLES[] = "aezip.tables", DECODER[] = "aezip.decoder";

typedef struct {
	aezip_tables tables;
	uint16_t last[1]; /* as many as there are entries, and one more */
} py_tables;

typedef struct {
	aezip_decoder decoder;
	PyObject *tables, *stream; /* which it points into */
} py_decoder;

static void free_tables(PyObject *capsule)
{
	PyMem_Free(PyCapsule_GetPointer(capsule, TABLES));
}

static void free_decoder(PyObject *capsule)
{
	py_decoder *d = PyCapsule_GetPointer(capsule, DECODER);
	Py_DECREF(d->tables);
	Py_DECREF(d->stream);
	PyMem_Free(d);
}

static const uint8_t *bytes_of(PyObject *bytes)
{
	return (const uint8_t *)PyBytes_AsString(bytes);
}

/* tables(radius, frequency): i32 as in tables.npz */
static PyObject *make_tables(PyObject *self, PyObject *arguments)
{
	PyObject *radius, *frequency;
	(void)self;
	if (!PyArg_ParseTuple(arguments, "SS", &radius, &frequency))
		return NULL;
	size_t count = (size_t)PyBytes_Size(frequency) / 4;
	py_tables *made = PyMem_Malloc(sizeof *made + count * sizeof *made->last);
	if (!made)
		return PyErr_NoMemory();
	int error = AEZIP_TABLES_DAMAGED;
	if (PyBytes_Size(radius) == 4 * AEZIP_TABLES && count < AEZIP_LAST_MAX)
		error = aezip_make_tables(&made->tables, bytes_of(radius), bytes_of(frequency), count, made->last, count + 1);
	PyObject *capsule = error ? NULL : PyCapsule_New(made, TABLES, free_tables);
	if (error)
		PyErr_SetString(PyExc_ValueError, aezip_message(error));
	if (!capsule)
		PyMem_Free(made);
	return capsule;
}

/* A phase of index, u8, and symbol, i16, whose bytes stay while their tuple does. */
static int phase_of(PyObject *pair, aezip_phase *phase)
{
	PyObject *index, *symbol;
	if (!PyArg_ParseTuple(pair, "SS", &index, &symbol))
		return 0;
	phase->index = bytes_of(index);
	phase->symbol = (const int16_t *)(const void *)PyBytes_AsString(symbol);
	phase->count = (size_t)PyBytes_Size(index);
	if ((size_t)PyBytes_Size(symbol) == 2 * phase->count)
		return 1;
	PyErr_SetString(PyExc_ValueError, "a phase needs as many symbols as table indices");
	return 0;
}

/* bits(tables, cost, index, symbol): the sum of what a phase's entries cost, f32 each */
static PyObject *bits(PyObject *self, PyObject *arguments)
{
	PyObject *capsule, *costs, *pair;
	aezip_phase phase;
	(void)self;
	if (!PyArg_ParseTuple(arguments, "OSO", &capsule, &costs, &pair) || !phase_of(pair, &phase))
		return NULL;
	const py_tables *tables = PyCapsule_GetPointer(capsule, TABLES);
	if (!tables)
		return NULL;
	const float *cost = (const float *)(const void *)PyBytes_AsString(costs);
	size_t count = (size_t)PyBytes_Size(costs) / sizeof *cost;
	double sum = 0;
	Py_BEGIN_ALLOW_THREADS
	for (size_t i = 0; i < phase.count; i++) {
		size_t t = phase.index[i] % AEZIP_TABLES;
		int32_t radius = tables->tables.radius[t], s = phase.symbol[i];
		size_t entry = tables->tables.zero[t] + (uint32_t)(s > radius || s < -radius ? radius + 1 : s);
		sum += entry < count ? (double)cost[entry] : 0;
	}
	Py_END_ALLOW_THREADS
	return PyFloat_FromDouble(sum);
}

/* encode(tables, [(index, symbol), ...], lanes): a stream, or an error */
static PyObject *encode(PyObject *self, PyObject *arguments)
{
	PyObject *capsule, *pairs, *result = NULL;
	unsigned lanes;
	(void)self;
	if (!PyArg_ParseTuple(arguments, "OOI", &capsule, &pairs, &lanes))
		return NULL;
	const py_tables *tables = PyCapsule_GetPointer(capsule, TABLES);
	Py_ssize_t count = tables ? PyTuple_Size(pairs) : -1;
	if (count < 0)
		return NULL;
	size_t symbols = 0;
	aezip_phase *phases = PyMem_Malloc(((size_t)count + 1) * sizeof *phases);
	if (!phases)
		return PyErr_NoMemory();
	for (Py_ssize_t i = 0; i < count; i++) {
		if (!phase_of(PyTuple_GetItem(pairs, i), phases + i)) {
			PyMem_Free(phases);
			return NULL;
		}
		symbols += phases[i].count;
	}
	size_t size = AEZIP_STREAM_MAX(AEZIP_LANES, symbols);
	uint8_t *stream = PyMem_Malloc(size);
	if (stream) {
		int error;
		Py_BEGIN_ALLOW_THREADS
		error = aezip_encode(&tables->tables, phases, (size_t)count, lanes, stream, &size);
		Py_END_ALLOW_THREADS
		result = error ? PyLong_FromLong(error) : PyBytes_FromStringAndSize((const char *)stream, (Py_ssize_t)size);
	} else {
		PyErr_NoMemory();
	}
	PyMem_Free(stream);
	PyMem_Free(phases);
	return result;
}

/* begin(tables, stream): a decoder, or an error */
static PyObject *begin(PyObject *self, PyObject *arguments)
{
	PyObject *capsule, *stream;
	(void)self;
	if (!PyArg_ParseTuple(arguments, "OS", &capsule, &stream))
		return NULL;
	const py_tables *tables = PyCapsule_GetPointer(capsule, TABLES);
	py_decoder *d = tables ? PyMem_Malloc(sizeof *d) : NULL;
	if (!d)
		return tables ? PyErr_NoMemory() : NULL;
	aezip_bytes bytes = {bytes_of(stream), (size_t)PyBytes_Size(stream)};
	int error = aezip_begin(&d->decoder, &tables->tables, bytes);
	PyObject *result = error ? PyLong_FromLong(error) : PyCapsule_New(d, DECODER, free_decoder);
	if (error || !result) {
		PyMem_Free(d);
		return result;
	}
	d->tables = capsule;
	d->stream = stream;
	Py_INCREF(capsule);
	Py_INCREF(stream);
	return result;
}

/* take(decoder, index): symbols, i16, or an error */
static PyObject *take(PyObject *self, PyObject *arguments)
{
	PyObject *capsule, *index;
	(void)self;
	if (!PyArg_ParseTuple(arguments, "OS", &capsule, &index))
		return NULL;
	py_decoder *d = PyCapsule_GetPointer(capsule, DECODER);
	Py_ssize_t count = PyBytes_Size(index);
	PyObject *result = d ? PyByteArray_FromStringAndSize(NULL, 2 * count) : NULL;
	if (!result)
		return NULL;
	int16_t *symbol = (int16_t *)(void *)PyByteArray_AsString(result);
	int error;
	Py_BEGIN_ALLOW_THREADS
	error = aezip_take(&d->decoder, bytes_of(index), (size_t)count, symbol);
	Py_END_ALLOW_THREADS
	if (!error)
		return result;
	Py_DECREF(result);
	return PyLong_FromLong(error);
}

/* finish(decoder): words that were not used, and whether the end is as it must be */
static PyObject *finish(PyObject *self, PyObject *capsule)
{
	(void)self;
	const py_decoder *d = PyCapsule_GetPointer(capsule, DECODER);
	if (!d)
		return NULL;
	Py_ssize_t left = (Py_ssize_t)d->decoder.length - (Py_ssize_t)d->decoder.used;
	return Py_BuildValue("nO", left, aezip_finish(&d->decoder) ? Py_False : Py_True);
}

static PyMethodDef functions[] = {
	{"tables", make_tables, METH_VARARGS, NULL}, {"bits", bits, METH_VARARGS, NULL}, {"encode", encode, METH_VARARGS, NULL},
	{"begin", begin, METH_VARARGS, NULL},        {"take", take, METH_VARARGS, NULL}, {"finish", finish, METH_O, NULL},
	{NULL, NULL, 0, NULL},
};

static int add_constants(PyObject *self)
{
	return PyModule_AddIntConstant(self, "STREAM_SHORT", AEZIP_STREAM_SHORT);
}

static PyModuleDef_Slot slots[] = {
	{Py_mod_exec, (void *)add_constants},
	{0, NULL},
};

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT, "aezip.entropy._coder", "The compiled entropy coder.", 0, functions, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__coder(void)
{
	return PyModuleDef_Init(&module);
}
