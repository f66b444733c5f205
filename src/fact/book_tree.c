/* book_tree.c - the ordered sets of a book; see book_state.h.
 *
 * Layer: fact. Treaps (Seidel and Aragon, 1996), whose priorities are a hash of the number, so
 * that equal books have equal trees.
 */
#include "fact/book_state.h"

static struct czi_link *link_of(const struct czi_book *b, enum czi_tree t, uint32_t n)
{
    switch (t) {
    case CZI_BY_KEY:
        return &czi_entry_at(b, n)->by_key;
    case CZI_BY_CLAIM:
        return &czi_entry_at(b, n)->by_claim;
    case CZI_BY_HEIGHT:
        break;
    }
    return &czi_block_at(b, n)->by_height;
}

static uint64_t height_of(const struct czi_book *b, enum czi_tree t, uint32_t n)
{
    return czi_block_at(b, t == CZI_BY_HEIGHT ? n : czi_entry_at(b, n)->place)->height;
}

static uint32_t priority(uint32_t n)
{
    n = (n ^ n >> 16) * 0x85ebca6bu;
    n = (n ^ n >> 13) * 0xc2b2ae35u;
    return n ^ n >> 16;
}

/* Heights are compared with that of n, which the caller knows. */
static bool is_before(const struct czi_book *b, enum czi_tree t, uint32_t x, uint64_t height,
                      uint32_t n)
{
    uint64_t other = height_of(b, t, x);

    return other != height ? other < height : x < n;
}

void czi_tree_insert(const struct czi_book *b, enum czi_tree t, uint32_t *root, uint32_t n)
{
    uint64_t height = height_of(b, t, n);
    uint32_t *left = &link_of(b, t, n)->left, *right = &link_of(b, t, n)->right, x;

    while (*root != CZI_ID_NONE && priority(*root) >= priority(n)) {
        struct czi_link *l = link_of(b, t, *root);

        root = is_before(b, t, *root, height, n) ? &l->right : &l->left;
    }
    x = *root;
    *root = n;
    while (x != CZI_ID_NONE) {
        if (is_before(b, t, x, height, n)) {
            *left = x;
            left = &link_of(b, t, x)->right;
            x = *left;
        } else {
            *right = x;
            right = &link_of(b, t, x)->left;
            x = *right;
        }
    }
    *left = *right = CZI_ID_NONE;
}

void czi_tree_remove(const struct czi_book *b, enum czi_tree t, uint32_t *root, uint32_t n)
{
    uint64_t height = height_of(b, t, n);
    uint32_t left, right;

    while (*root != n) {
        CZI_CHECK(*root != CZI_ID_NONE);
        root = is_before(b, t, *root, height, n) ? &link_of(b, t, *root)->right
                                                 : &link_of(b, t, *root)->left;
    }
    left = link_of(b, t, n)->left;
    right = link_of(b, t, n)->right;
    while (left != CZI_ID_NONE && right != CZI_ID_NONE) {
        if (priority(left) >= priority(right)) {
            *root = left;
            root = &link_of(b, t, left)->right;
            left = *root;
        } else {
            *root = right;
            root = &link_of(b, t, right)->left;
            right = *root;
        }
    }
    *root = left != CZI_ID_NONE ? left : right;
}

uint32_t czi_tree_up_to(const struct czi_book *b, enum czi_tree t, uint32_t root,
                        uint64_t height)
{
    uint32_t found = CZI_ID_NONE;

    while (root != CZI_ID_NONE) {
        if (height_of(b, t, root) <= height) {
            found = root;
            root = link_of(b, t, root)->right;
        } else {
            root = link_of(b, t, root)->left;
        }
    }
    return found;
}

uint32_t czi_tree_first(const struct czi_book *b, enum czi_tree t, uint32_t root)
{
    uint32_t found = CZI_ID_NONE;

    for (; root != CZI_ID_NONE; root = link_of(b, t, root)->left)
        found = root;
    return found;
}

uint32_t czi_tree_last(const struct czi_book *b, enum czi_tree t, uint32_t root)
{
    uint32_t found = CZI_ID_NONE;

    for (; root != CZI_ID_NONE; root = link_of(b, t, root)->right)
        found = root;
    return found;
}
