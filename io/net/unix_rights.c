/*
 * Descriptors under way in messages of UNIX sockets.
 *
 * A socket whose every reference lies in queues can't be received from any more; when those queues
 * are its own or those of others like it, nobody would ever free them. So each socket knows how
 * often it is under way and which flights (the rights of one message) wait in it, and now and then
 * unix_circles_free looks: sockets that have no reference but flights are candidates; those that a
 * flight elsewhere leads to are taken out, and what those lead to; the flights that wait in the
 * rest are freed.
 *
 * rights_mutex guards all of that. The host counts references of files without us, but a candidate
 * can gain one only by a receive or a peek, which come by here.
 */
#include "unix_private.h"

static struct env_mutex rights_mutex;
static struct list flying = LIST_INIT(flying); /* sockets under way, by hold.flying_link */
static _Atomic oskit_u32_t live;               /* descriptors under way */
static _Atomic oskit_u32_t flown;              /* sockets under way */
static _Atomic oskit_u32_t flown_circles;      /* likewise, when circles were looked for last */

oskit_u32_t unix_rights_live(void)
{
    return atomic_load(&live);
}

void unix_hold_init(struct unix_hold *hold)
{
    *hold = (struct unix_hold){.in_flight = 0};
    list_init(&hold->flights);
    list_init(&hold->wards);
    list_init(&hold->ward_link);
    list_init(&hold->flying_link);
    list_init(&hold->work_link);
}

/* ---- Who pays; rights_mutex held ---- */

struct payer {
    struct list link;
    oskit_u32_t uid, count;
};
static struct list payers = LIST_INIT(payers); /* as many as users have rights under way */

static struct payer *payer_find(oskit_u32_t uid)
{
    list_for_each (node, &payers) {
        struct payer *payer = container_of(node, struct payer, link);
        if (payer->uid == uid)
            return payer;
    }
    return NULL;
}

static oskit_error_t payer_charge(const struct socket_caller *caller, oskit_u32_t count)
{
    struct payer *payer = payer_find(caller->credentials.uid);

    if (payer == NULL) {
        payer = env_alloc(sizeof *payer, 0);
        if (payer == NULL)
            return OSKIT_ENOMEM;
        *payer = (struct payer){.uid = caller->credentials.uid};
        list_push_back(&payers, &payer->link);
    }
    bool free = capability_in(caller->capabilities, CAPABILITY_SYS_RESOURCE) ||
                capability_in(caller->capabilities, CAPABILITY_SYS_ADMIN);
    if (!free && payer->count + count > UNIX_RIGHTS_LIMIT) {
        if (payer->count == 0) {
            list_remove(&payer->link);
            env_free(payer, sizeof *payer);
        }
        return OSKIT_ETOOMANYREFS;
    }
    payer->count += count;
    return OSKIT_SUCCESS;
}

static void payer_refund(oskit_u32_t uid, oskit_u32_t count)
{
    struct payer *payer = payer_find(uid);

    payer->count -= count;
    if (payer->count != 0)
        return;
    list_remove(&payer->link);
    env_free(payer, sizeof *payer);
}

/* ---- Sockets under way; rights_mutex held ---- */

static struct unix_socket *right_socket(const struct socket_right *right)
{
    if (right->socket == NULL || right->socket->class != &socket_class)
        return NULL;
    struct socket *s = container_of(right->socket, struct socket, object);
    return s->kind->family == SOCKET_UNIX ? unix_of(s) : NULL;
}

static void right_depart(const struct socket_right *right)
{
    struct unix_socket *self = right_socket(right);

    if (self == NULL)
        return;
    struct unix_hold *hold = &self->hold;
    if (hold->in_flight++ == 0) {
        hold->file = right->file;
        hold->mixed = false;
        list_push_back(&flying, &hold->flying_link);
        atomic_fetch_add(&flown, 1);
    } else if (hold->file != right->file) {
        hold->mixed = true; /* of two open files; its references are in neither's count alone */
    }
}

static void right_arrive(const struct socket_right *right)
{
    struct unix_socket *self = right_socket(right);

    if (self == NULL || --self->hold.in_flight != 0)
        return;
    list_remove(&self->hold.flying_link);
    atomic_fetch_sub(&flown, 1);
}

/* Its rights are under way no more. */
static void flight_land(struct unix_flight *flight)
{
    list_remove(&flight->link);
    for (oskit_u32_t i = 0; i < flight->count; i++)
        right_arrive(&flight->rights->right[i]);
    payer_refund(flight->uid, flight->count);
    atomic_fetch_sub(&live, flight->count);
}

static void flight_put(struct unix_flight *flight)
{
    if (--flight->references == 0)
        env_free(flight, sizeof *flight);
}

/* ---- Flights ---- */

/* Circles are looked for when a socket is closed; and before so many more are under way, for those
 * who make them without closing any. */
#define FLOWN_MORE 64u

oskit_error_t unix_flight_new(struct socket_rights *rights, struct unix_flight **out)
{
    *out = NULL;
    if (rights == NULL)
        return OSKIT_SUCCESS;
    if (atomic_load(&flown) > 2 * atomic_load(&flown_circles) + FLOWN_MORE)
        unix_circles_free();
    struct unix_flight *flight = env_alloc(sizeof *flight, 0);
    if (flight == NULL)
        return OSKIT_ENOMEM;
    struct socket_caller caller = socket_caller();
    *flight = (struct unix_flight){
        .rights = rights, .uid = caller.credentials.uid, .count = rights->count, .references = 1};
    list_init(&flight->link);
    env_mutex_lock(&rights_mutex);
    oskit_error_t err = payer_charge(&caller, rights->count);
    env_mutex_unlock(&rights_mutex);
    if (OSKIT_FAILED(err)) {
        env_free(flight, sizeof *flight);
        return err;
    }
    *out = flight;
    return OSKIT_SUCCESS;
}

void unix_flight_cancel(struct unix_flight *flight)
{
    if (flight == NULL)
        return;
    env_mutex_lock(&rights_mutex);
    payer_refund(flight->uid, flight->count);
    env_mutex_unlock(&rights_mutex);
    env_free(flight, sizeof *flight);
}

void unix_flight_begin(struct unix_flight *flight, struct unix_socket *holder)
{
    if (flight == NULL)
        return;
    env_mutex_lock(&rights_mutex);
    list_push_back(&holder->hold.flights, &flight->link);
    for (oskit_u32_t i = 0; i < flight->count; i++)
        right_depart(&flight->rights->right[i]);
    atomic_fetch_add(&live, flight->count);
    env_mutex_unlock(&rights_mutex);
}

struct socket_rights *unix_flight_end(struct unix_flight *flight)
{
    struct socket_rights *rights = NULL;

    if (flight == NULL)
        return NULL;
    env_mutex_lock(&rights_mutex);
    if (!flight->stolen) {
        flight_land(flight);
        rights = flight->rights;
    }
    flight_put(flight);
    env_mutex_unlock(&rights_mutex);
    return rights;
}

struct socket_rights *unix_flight_copy(const struct unix_flight *flight)
{
    if (flight == NULL || socket_rights_host->addref == NULL)
        return NULL;
    struct socket_rights *copy = socket_rights_alloc(flight->count);
    if (copy == NULL)
        return NULL;
    env_mutex_lock(&rights_mutex);
    bool stolen = flight->stolen;
    for (oskit_u32_t i = 0; i < copy->count && !stolen; i++) {
        copy->right[i] = flight->rights->right[i];
        socket_rights_host->addref(copy->right[i].file);
    }
    env_mutex_unlock(&rights_mutex);
    if (!stolen)
        return copy;
    socket_rights_free(copy);
    return NULL;
}

/* ---- Freeing what nobody will receive ---- */

void unix_flight_drop(struct unix_flight *flight, struct list *list)
{
    env_mutex_lock(&rights_mutex);
    if (flight->stolen) {
        flight_put(flight);
    } else {
        flight_land(flight);
        list_push_back(list, &flight->link);
    }
    env_mutex_unlock(&rights_mutex);
}

/*
 * Freeing rights may close a socket, whose own inbox has rights to free, and so on, deeper than a
 * stack goes. So a thread that is freeing already only notes down what comes to it meanwhile.
 */
struct freeing {
    struct list link;
    uintptr_t context;
    struct list flights;
};
static struct list freeings = LIST_INIT(freeings); /* rights_mutex */

static struct freeing *freeing_find(uintptr_t context)
{
    list_for_each (node, &freeings)
        if (container_of(node, struct freeing, link)->context == context)
            return container_of(node, struct freeing, link);
    return NULL;
}

static void list_move(struct list *from, struct list *to)
{
    struct list *node;

    while ((node = list_pop_front(from)) != NULL)
        list_push_back(to, node);
}

/* True: somebody further out on this stack does it. */
static bool freeing_begin(struct freeing *freeing, struct list *list)
{
    env_mutex_lock(&rights_mutex);
    struct freeing *outer = freeing_find(freeing->context);
    list_move(list, outer != NULL ? &outer->flights : &freeing->flights);
    if (outer == NULL)
        list_push_back(&freeings, &freeing->link);
    env_mutex_unlock(&rights_mutex);
    return outer != NULL;
}

static struct unix_flight *freeing_next(struct freeing *freeing)
{
    env_mutex_lock(&rights_mutex);
    struct list *node = list_pop_front(&freeing->flights);
    if (node == NULL)
        list_remove(&freeing->link);
    env_mutex_unlock(&rights_mutex);
    return node != NULL ? container_of(node, struct unix_flight, link) : NULL;
}

void unix_flights_free(struct list *list)
{
    struct freeing freeing = {.context = env_context()};
    struct unix_flight *flight;

    if (list_empty(list))
        return;
    list_init(&freeing.flights);
    if (freeing_begin(&freeing, list))
        return;
    while ((flight = freeing_next(&freeing)) != NULL) {
        socket_rights_free(flight->rights);
        env_mutex_lock(&rights_mutex);
        flight_put(flight);
        env_mutex_unlock(&rights_mutex);
    }
}

/* ---- Circles; rights_mutex held ---- */

void unix_hold_ward(struct unix_socket *ward, struct unix_socket *parent)
{
    env_mutex_lock(&rights_mutex);
    list_remove(&ward->hold.ward_link);
    if (parent != NULL)
        list_push_back(&parent->hold.wards, &ward->hold.ward_link);
    env_mutex_unlock(&rights_mutex);
}

/* Calls VISIT for each socket that a flight in HOLD leads to. */
static void hold_visit(struct unix_hold *hold, void (*visit)(struct unix_hold *, struct list *),
                       struct list *work)
{
    list_for_each (node, &hold->flights) {
        const struct unix_flight *flight = container_of(node, struct unix_flight, link);
        for (oskit_u32_t i = 0; i < flight->count; i++) {
            struct unix_socket *target = right_socket(&flight->rights->right[i]);
            if (target != NULL)
                visit(&target->hold, work);
        }
    }
}

/* The same for what waits in HOLD and in those that wait in it for accept; these can't be received
 * from in any other way, nor be under way themselves. */
static void hold_walk(struct unix_hold *hold, void (*visit)(struct unix_hold *, struct list *),
                      struct list *work)
{
    hold_visit(hold, visit, work);
    list_for_each (node, &hold->wards)
        hold_visit(container_of(node, struct unix_hold, ward_link), visit, work);
}

static void visit_subtract(struct unix_hold *target, struct list *work)
{
    (void)work;
    if (target->candidate)
        target->left--;
}

static void visit_reach(struct unix_hold *target, struct list *work)
{
    if (!target->candidate)
        return;
    target->candidate = false;
    list_push_back(work, &target->work_link);
}

static struct unix_hold *hold_flying(struct list *node)
{
    return container_of(node, struct unix_hold, flying_link);
}

static void candidates_find(void)
{
    list_for_each (node, &flying) {
        struct unix_hold *hold = hold_flying(node);
        hold->left = hold->in_flight;
        hold->candidate =
            !hold->mixed && socket_rights_host->references(hold->file) == hold->in_flight;
    }
    list_for_each (node, &flying)
        if (hold_flying(node)->candidate)
            hold_walk(hold_flying(node), visit_subtract, NULL);
}

/* Candidates that somebody else's flight leads to aren't any, nor what they lead to. */
static void candidates_reach(void)
{
    struct list work, *node;

    list_init(&work);
    list_for_each (flyer, &flying)
        if (hold_flying(flyer)->left != 0)
            visit_reach(hold_flying(flyer), &work);
    while ((node = list_pop_front(&work)) != NULL)
        hold_walk(container_of(node, struct unix_hold, work_link), visit_reach, &work);
}

/* They leave their messages, which nobody will read. */
static void flights_steal(struct unix_hold *hold, struct list *doomed)
{
    struct list *node;

    while ((node = list_pop_front(&hold->flights)) != NULL) {
        struct unix_flight *flight = container_of(node, struct unix_flight, link);
        flight->stolen = true;
        flight->references++;
        list_push_back(doomed, &flight->link);
    }
}

static void candidates_steal(struct list *doomed)
{
    list_for_each (node, &flying) {
        struct unix_hold *hold = hold_flying(node);
        if (!hold->candidate)
            continue;
        flights_steal(hold, doomed);
        list_for_each (ward, &hold->wards)
            flights_steal(container_of(ward, struct unix_hold, ward_link), doomed);
    }
}

/* Counts go only after the walk over those that are under way. */
static void flights_land(struct list *doomed, struct list *landed)
{
    while (!list_empty(doomed)) {
        struct unix_flight *flight = container_of(doomed->next, struct unix_flight, link);
        flight_land(flight);
        list_push_back(landed, &flight->link);
    }
}

void unix_circles_free(void)
{
    struct list doomed, landed;

    if (atomic_load(&flown) == 0)
        return;
    list_init(&doomed);
    list_init(&landed);
    env_mutex_lock(&rights_mutex);
    candidates_find();
    candidates_reach();
    candidates_steal(&doomed);
    flights_land(&doomed, &landed);
    atomic_store(&flown_circles, atomic_load(&flown));
    env_mutex_unlock(&rights_mutex);
    unix_flights_free(&landed);
}
