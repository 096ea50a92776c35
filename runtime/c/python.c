/* The entropy coder as a module of Python, aezip.entropy._coder, in the limited API: bytes in, bytes out. runtime/aezip/entropy/coder.py is its
   only user, checks what goes in, and turns the errors of streams that come out (AEZIP_..., as int) into exceptions. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030A0000
#include <Python.h>

#include "aezip.h"

static const char TABLES[] = "aezip.tables", DECODER[] = "aezip.decoder";

typedef struct {
	aezip_tables tables;
	PyObject *cost;   /* of each entry, f32 */
	uint16_t last[1]; /* as many as there are entries, and one more */
} py_tables;

typedef struct {
	aezip_decoder decoder;
	PyObject *tables, *stream; /* which it points into */
} py_decoder;

static void free_tables(PyObject *capsule)
{
	py_tables *t = PyCapsule_GetPointer(capsule, TABLES);
	Py_DECREF(t->cost);
	PyMem_Free(t);
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

/* What the module's user has checked was wrong nevertheless. */
static PyObject *failed(int error)
{
	PyErr_SetString(PyExc_ValueError, aezip_message(error));
	return NULL;
}

static const float *costs_of(const py_tables *tables)
{
	return (const float *)(const void *)PyBytes_AsString(tables->cost);
}

/* tables(radius, frequency, cost): i32 as in tables.npz, and bits of each entry, f32 */
static PyObject *make_tables(PyObject *self, PyObject *arguments)
{
	PyObject *radius, *frequency, *cost;
	(void)self;
	if (!PyArg_ParseTuple(arguments, "SSS", &radius, &frequency, &cost))
		return NULL;
	size_t count = (size_t)PyBytes_Size(frequency) / 4;
	py_tables *made = PyMem_Malloc(sizeof *made + count * sizeof *made->last);
	if (!made)
		return PyErr_NoMemory();
	int error = AEZIP_TABLES_DAMAGED;
	if (PyBytes_Size(radius) == 4 * AEZIP_TABLES && count < AEZIP_LAST_MAX && PyBytes_Size(cost) == PyBytes_Size(frequency))
		error = aezip_make_tables(&made->tables, bytes_of(radius), bytes_of(frequency), count, made->last, count + 1);
	PyObject *capsule = error ? NULL : PyCapsule_New(made, TABLES, free_tables);
	if (error)
		failed(error);
	if (!capsule) {
		PyMem_Free(made);
		return NULL;
	}
	made->cost = cost;
	Py_INCREF(cost);
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

/* A phase in the order of progressive streams: table by table, from the highest. */
typedef struct {
	uint8_t *index;
	int16_t *symbol;
	uint32_t *place; /* of each symbol in the phase */
} sorted_phase;

static void free_sorted(sorted_phase *sorted)
{
	PyMem_Free(sorted->index);
	PyMem_Free(sorted->symbol);
	PyMem_Free(sorted->place);
}

/* Sort a phase, which becomes the sorted one; one without symbols has room for them then. Returns 0 if there is no room. */
static int sort_phase(aezip_phase *phase, sorted_phase *sorted)
{
	sorted->index = PyMem_Malloc(phase->count + 1);
	sorted->symbol = PyMem_Malloc((phase->count + 1) * sizeof *sorted->symbol);
	sorted->place = PyMem_Malloc((phase->count + 1) * sizeof *sorted->place);
	if (!sorted->index || !sorted->symbol || !sorted->place) {
		free_sorted(sorted);
		return 0;
	}
	size_t next[256] = {0}, total = 0;
	for (size_t i = 0; i < phase->count; i++)
		next[phase->index[i]]++;
	for (size_t t = 256; t-- > 0;) {
		size_t count = next[t];
		next[t] = total;
		total += count;
	}
	for (size_t i = 0; i < phase->count; i++) {
		size_t at = next[phase->index[i]]++;
		sorted->place[at] = (uint32_t)i;
		sorted->index[at] = phase->index[i];
		sorted->symbol[at] = phase->symbol ? phase->symbol[i] : 0;
	}
	phase->index = sorted->index;
	phase->symbol = sorted->symbol;
	return 1;
}

/* bits(tables, (index, symbol)): the sum of what a phase's entries cost */
static PyObject *bits(PyObject *self, PyObject *arguments)
{
	PyObject *capsule, *pair;
	aezip_phase phase;
	(void)self;
	if (!PyArg_ParseTuple(arguments, "OO!", &capsule, &PyTuple_Type, &pair) || !phase_of(pair, &phase))
		return NULL;
	const py_tables *tables = PyCapsule_GetPointer(capsule, TABLES);
	if (!tables)
		return NULL;
	const float *cost = costs_of(tables);
	double sum = 0;
	Py_BEGIN_ALLOW_THREADS
	for (size_t i = 0; i < phase.count; i++) {
		size_t t = phase.index[i] % AEZIP_TABLES;
		int32_t radius = tables->tables.radius[t], s = phase.symbol[i];
		sum += (double)cost[tables->tables.zero[t] + (uint32_t)(s > radius || s < -radius ? radius + 1 : s)];
	}
	Py_END_ALLOW_THREADS
	return PyFloat_FromDouble(sum);
}

/* encode(tables, ((index, symbol), ...), lanes, progressive): a stream */
static PyObject *encode(PyObject *self, PyObject *arguments)
{
	PyObject *capsule, *pairs, *result = NULL;
	unsigned lanes;
	int progressive;
	(void)self;
	if (!PyArg_ParseTuple(arguments, "OO!Ip", &capsule, &PyTuple_Type, &pairs, &lanes, &progressive))
		return NULL;
	const py_tables *tables = PyCapsule_GetPointer(capsule, TABLES);
	if (!tables)
		return NULL;
	size_t count = (size_t)PyTuple_Size(pairs), symbols = 0, ready = 0;
	aezip_phase *phases = PyMem_Calloc(count + 1, sizeof *phases);
	sorted_phase *sorted = PyMem_Calloc(count + 1, sizeof *sorted);
	int fine = phases && sorted;
	for (; fine && ready < count; ready += (size_t)fine) {
		if (!phase_of(PyTuple_GetItem(pairs, (Py_ssize_t)ready), phases + ready))
			goto end;
		symbols += phases[ready].count;
		fine = !progressive || sort_phase(phases + ready, sorted + ready);
	}
	size_t size = AEZIP_STREAM_MAX(AEZIP_LANES, symbols);
	uint8_t *stream = fine ? PyMem_Malloc(size) : NULL;
	if (stream) {
		int error;
		Py_BEGIN_ALLOW_THREADS
		error = aezip_encode(&tables->tables, phases, count, lanes, stream, &size);
		Py_END_ALLOW_THREADS
		result = error ? failed(error) : PyBytes_FromStringAndSize((const char *)stream, (Py_ssize_t)size);
	} else {
		PyErr_NoMemory();
	}
	PyMem_Free(stream);
end:
	while (ready-- > 0)
		free_sorted(sorted + ready);
	PyMem_Free(sorted);
	PyMem_Free(phases);
	return result;
}

/* begin(tables, stream): a decoder */
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
	PyObject *result = error ? failed(error) : PyCapsule_New(d, DECODER, free_decoder);
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

/* take(decoder, index, progressive): symbols, i16, or an error */
static PyObject *take(PyObject *self, PyObject *arguments)
{
	PyObject *capsule, *index;
	int progressive;
	(void)self;
	if (!PyArg_ParseTuple(arguments, "OSp", &capsule, &index, &progressive))
		return NULL;
	py_decoder *d = PyCapsule_GetPointer(capsule, DECODER);
	Py_ssize_t count = PyBytes_Size(index);
	PyObject *result = d ? PyByteArray_FromStringAndSize(NULL, 2 * count) : NULL;
	aezip_phase phase = {bytes_of(index), NULL, (size_t)count};
	sorted_phase sorted = {NULL, NULL, NULL};
	if (!result || (progressive && !sort_phase(&phase, &sorted))) {
		Py_XDECREF(result);
		return result ? PyErr_NoMemory() : NULL;
	}
	int16_t *symbol = (int16_t *)(void *)PyByteArray_AsString(result);
	int error;
	Py_BEGIN_ALLOW_THREADS
	error = aezip_take(&d->decoder, phase.index, (size_t)count, progressive ? sorted.symbol : symbol);
	for (size_t i = 0; i < (size_t)count && progressive; i++)
		symbol[sorted.place[i]] = sorted.symbol[i];
	Py_END_ALLOW_THREADS
	free_sorted(&sorted);
	if (!error)
		return result;
	Py_DECREF(result);
	return PyLong_FromLong(error);
}

/* Whether a half of `count` values is that of its tile. */
static int fits(const aezip_half *h, size_t count)
{
	const uint32_t most = 1 << 20;
	size_t cells = ((size_t)h->height + 3) / 4 * (((size_t)h->width + 3) / 4);
	if (h->height <= most && h->width <= most && h->channels - 1 < most && count == 8 * cells * h->channels && h->odd < 2)
		return 1;
	PyErr_SetString(PyExc_ValueError, "a half needs as many means and indices as its tile has");
	return 0;
}

/* take_half(decoder, (height, width, channels, odd), mean, index, skip, progressive): latents, i16, as of aezip_take_half, or an error */
static PyObject *take_half(PyObject *self, PyObject *arguments)
{
	PyObject *capsule, *mean, *index;
	aezip_half h;
	(void)self;
	if (!PyArg_ParseTuple(arguments, "O(IIII)SSip", &capsule, &h.height, &h.width, &h.channels, &h.odd, &mean, &index, &h.skip,
			&h.progressive))
		return NULL;
	py_decoder *d = PyCapsule_GetPointer(capsule, DECODER);
	size_t count = (size_t)PyBytes_Size(index);
	if (!d || !fits(&h, count) || !fits(&h, (size_t)PyBytes_Size(mean) / 2))
		return NULL;
	PyObject *result = PyByteArray_FromStringAndSize(PyBytes_AsString(mean), (Py_ssize_t)(2 * count));
	if (!result)
		return NULL;
	int16_t *latent = (int16_t *)(void *)PyByteArray_AsString(result);
	uint32_t *place = h.progressive ? PyMem_Malloc(count * sizeof *place) : NULL;
	int error;
	Py_BEGIN_ALLOW_THREADS
	error = aezip_take_half(&d->decoder, &h, bytes_of(index), latent, place, place ? count : 0);
	Py_END_ALLOW_THREADS
	PyMem_Free(place);
	if (!error)
		return result;
	Py_DECREF(result);
	return PyLong_FromLong(error);
}

/* give_half(tables, (height, width, channels, odd), latent, mean, index, flat or None, skip, worth): tables, symbols and latents of
   aezip_give_half, and what is lost; worth: 0, and symbols are only rounded */
static PyObject *give_half(PyObject *self, PyObject *arguments)
{
	PyObject *capsule, *latent, *mean, *index;
	const char *flat;
	Py_ssize_t flats;
	aezip_half h = {0, 0, 0, 0, 0, 0};
	aezip_wanted w;
	(void)self;
	if (!PyArg_ParseTuple(arguments, "O(IIII)SSSz#id", &capsule, &h.height, &h.width, &h.channels, &h.odd, &latent, &mean, &index,
			&flat, &flats, &h.skip, &w.worth))
		return NULL;
	const py_tables *tables = PyCapsule_GetPointer(capsule, TABLES);
	size_t count = (size_t)PyBytes_Size(index);
	if (!tables || !fits(&h, count) || !fits(&h, (size_t)PyBytes_Size(mean) / 2) || !fits(&h, (size_t)PyBytes_Size(latent) / 2) ||
		(flat && !fits(&h, (size_t)flats * h.channels)))
		return NULL;
	w.tables = &tables->tables;
	w.cost = w.worth > 0 ? costs_of(tables) : NULL;
	w.flat = (const uint8_t *)flat;
	w.latent = (const int16_t *)(const void *)PyBytes_AsString(latent);
	PyObject *made = PyByteArray_FromStringAndSize(PyBytes_AsString(mean), (Py_ssize_t)(2 * count)), *result = NULL;
	uint8_t *table = PyMem_Malloc(count + 1);
	int16_t *symbol = PyMem_Malloc((count + 1) * sizeof *symbol);
	if (made && table && symbol) {
		int16_t *half_of = (int16_t *)(void *)PyByteArray_AsString(made);
		int32_t lost;
		size_t coded;
		Py_BEGIN_ALLOW_THREADS
		coded = aezip_give_half(&h, &w, bytes_of(index), half_of, table, symbol, &lost);
		Py_END_ALLOW_THREADS
		result = Py_BuildValue("y#y#Oi", table, (Py_ssize_t)coded, symbol, (Py_ssize_t)(2 * coded), made, (int)lost);
	} else if (made) {
		PyErr_NoMemory();
	}
	Py_XDECREF(made);
	PyMem_Free(table);
	PyMem_Free(symbol);
	return result;
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
	{"tables", make_tables, METH_VARARGS, NULL},   {"bits", bits, METH_VARARGS, NULL}, {"encode", encode, METH_VARARGS, NULL},
	{"begin", begin, METH_VARARGS, NULL},          {"take", take, METH_VARARGS, NULL}, {"finish", finish, METH_O, NULL},
	{"take_half", take_half, METH_VARARGS, NULL},  {"give_half", give_half, METH_VARARGS, NULL},
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
